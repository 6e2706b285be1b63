/* SPDX-License-Identifier: BSD-3-Clause */
/* libmicrohttpd around the routes: gathers a body within a limit, hands the
 * request over and sends the reply.  Owns the HTTP server's threads. */

#include <config.h>

#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <microhttpd.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/daemon/http.h"
#include "controller/daemon/routes.h"

/* Many times the longest XML that the formats accept. */
#define BODY_LIMIT (4u << 20)
/* A client that says nothing for so long loses its connection. */
#define IDLE_TIMEOUT_SECONDS 60
#define MAX_CONNECTIONS      64
/* The library has changed the name of its constant for this more than once. */
#define STATUS_TOO_LARGE 413

struct http {
  struct MHD_Daemon *daemon;
  struct service *service;
  atomic_llong last_request; /* monotonic seconds */
};

/* One request while its body comes in. */
struct exchange {
  char *body;
  size_t size;
  bool too_large;
};

static long long
now_seconds (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec;
}

static void __attribute__ ((format (printf, 2, 0)))
log_message (void *opaque, const char *format, va_list args)
{
  char text[512];

  (void) opaque;
  vsnprintf (text, sizeof text, format, args);
  text[strcspn (text, "\n")] = '\0';
  log_line ("http: %s", text);
}

/* Paths are decoded a segment at a time by the routes, so that %2F in a name is
 * no separator: the library must leave them alone. */
static size_t
leave_encoded (void *opaque, struct MHD_Connection *connection, char *text)
{
  (void) opaque;
  (void) connection;
  return strlen (text);
}

static enum MHD_Result
send_reply (struct MHD_Connection *connection, const struct route_reply *reply)
{
  const char *text = json_object_to_json_string_ext (
      reply->body, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
  struct MHD_Response *response = MHD_create_response_from_buffer (
      strlen (text), (void *) text, MHD_RESPMEM_MUST_COPY);
  enum MHD_Result result = MHD_NO;

  if (response &&
      MHD_add_response_header (response, "Content-Type", "application/json") ==
          MHD_YES &&
      (reply->allow[0] == '\0' ||
       MHD_add_response_header (response, "Allow", reply->allow) == MHD_YES))
    result = MHD_queue_response (connection, reply->status, response);
  if (response)
    MHD_destroy_response (response);
  return result;
}

static enum MHD_Result
refuse_too_large (struct MHD_Connection *connection, const char *url)
{
  CLEANUP_FREE char *message = NULL;
  struct route_reply reply = { .status = STATUS_TOO_LARGE };
  enum MHD_Result result;

  if (asprintf (&message, "the body has more than %u bytes", BODY_LIMIT) == -1)
    message = NULL;
  reply.body =
      route_error ("invalid", message ? message : "the body is too large");
  log_line ("%s: %u: the body is too large", url, reply.status);
  result = send_reply (connection, &reply);
  json_object_put (reply.body);
  return result;
}

static enum MHD_Result
note_query (void *opaque, enum MHD_ValueKind kind, const char *key,
            const char *value)
{
  (void) kind;
  route_argument (opaque, key, value);
  return MHD_YES;
}

/* What changes something or fails is worth a line. */
static void
log_request (const struct route_request *request,
             const struct route_reply *reply)
{
  json_object *error, *message = NULL;

  if (json_object_object_get_ex (reply->body, "error", &error))
    json_object_object_get_ex (error, "message", &message);
  if (message || strcmp (request->method, MHD_HTTP_METHOD_GET) != 0)
    log_line ("%s %s: %u%s%s", request->method, request->path, reply->status,
              message ? ": " : "",
              message ? json_object_get_string (message) : "");
}

/* The library drops a connection whose last byte is too long ago, also when it
 * is the operation that took the time: no limit while it runs. */
static enum MHD_Result
answer (struct http *http, struct MHD_Connection *connection, const char *url,
        const char *method, const struct exchange *exchange)
{
  struct route_request request = {
    .method = method,
    .path = url,
    .body = exchange->body,
    .body_size = exchange->size,
  };
  struct route_reply reply;
  enum MHD_Result result;

  MHD_get_connection_values (connection, MHD_GET_ARGUMENT_KIND, note_query,
                             &request);
  MHD_set_connection_option (connection, MHD_CONNECTION_OPTION_TIMEOUT, 0u);
  route (http->service, &request, &reply);
  MHD_set_connection_option (connection, MHD_CONNECTION_OPTION_TIMEOUT,
                             (unsigned) IDLE_TIMEOUT_SECONDS);
  log_request (&request, &reply);
  result = send_reply (connection, &reply);
  json_object_put (reply.body);
  return result;
}

/* A body over the limit is read and forgotten: a client that is still sending
 * would not see a reply. */
static void
gather (struct exchange *exchange, const char *data, size_t size)
{
  char *grown;

  if (exchange->too_large || size > BODY_LIMIT - exchange->size) {
    exchange->too_large = true;
    return;
  }
  grown = realloc (exchange->body, exchange->size + size);
  if (grown == NULL) {
    exchange->too_large = true;
    return;
  }
  exchange->body = grown;
  memcpy (grown + exchange->size, data, size);
  exchange->size += size;
}

/* Called once with the headers, then for each piece of the body, then once
 * more with none left. */
static enum MHD_Result
handle (void *opaque, struct MHD_Connection *connection, const char *url,
        const char *method, const char *version, const char *upload_data,
        size_t *upload_size, void **context)
{
  struct http *http = opaque;
  struct exchange *exchange = *context;

  (void) version;
  atomic_store (&http->last_request, now_seconds ());
  if (exchange == NULL) {
    *context = calloc (1, sizeof *exchange);
    return *context ? MHD_YES : MHD_NO;
  }
  if (*upload_size > 0) {
    gather (exchange, upload_data, *upload_size);
    *upload_size = 0;
    return MHD_YES;
  }
  if (exchange->too_large)
    return refuse_too_large (connection, url);
  return answer (http, connection, url, method, exchange);
}

static void
completed (void *opaque, struct MHD_Connection *connection, void **context,
           enum MHD_RequestTerminationCode how)
{
  struct http *http = opaque;
  struct exchange *exchange = *context;

  (void) connection;
  (void) how;
  atomic_store (&http->last_request, now_seconds ());
  if (exchange)
    free (exchange->body);
  free (exchange);
  *context = NULL;
}

struct http *
http_start (struct service *service, int listening)
{
  CLEANUP_FREE struct http *http = calloc (1, sizeof *http);
  /* The library closes what it listens on. */
  CLEANUP_CLOSE int own = fcntl (listening, F_DUPFD_CLOEXEC, 3);

  if (own == -1 || http == NULL) {
    fail_errno (ERROR_SYSTEM, "HTTP server");
    return NULL;
  }
  http->service = service;
  atomic_init (&http->last_request, now_seconds ());
  /* The logger comes first: the options after it may want to say something. */
  http->daemon = MHD_start_daemon (
      MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION |
          MHD_USE_POLL | MHD_USE_ITC | MHD_USE_ERROR_LOG,
      0, NULL, NULL, handle, http, MHD_OPTION_EXTERNAL_LOGGER, log_message,
      NULL, MHD_OPTION_LISTEN_SOCKET, own, MHD_OPTION_UNESCAPE_CALLBACK,
      leave_encoded, NULL, MHD_OPTION_NOTIFY_COMPLETED, completed, http,
      MHD_OPTION_CONNECTION_LIMIT, (unsigned) MAX_CONNECTIONS,
      MHD_OPTION_CONNECTION_TIMEOUT, (unsigned) IDLE_TIMEOUT_SECONDS,
      MHD_OPTION_END);
  if (http->daemon == NULL) {
    fail_errno (ERROR_SYSTEM, "cannot start the HTTP server");
    return NULL;
  }
  (void) STEAL_FD (own);
  return STEAL (http);
}

void
http_quiesce (struct http *http)
{
  int own = MHD_quiesce_daemon (http->daemon);

  if (own >= 0)
    close (own);
}

void
http_stop (struct http *http)
{
  MHD_stop_daemon (http->daemon);
  free (http);
}

unsigned
http_idle_seconds (struct http *http)
{
  const union MHD_DaemonInfo *info =
      MHD_get_daemon_info (http->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);

  if (info && info->num_connections > 0)
    return 0;
  return now_seconds () - atomic_load (&http->last_request);
}
