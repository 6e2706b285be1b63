/* SPDX-License-Identifier: BSD-3-Clause */
/* libcurl over the daemon's Unix socket.  A handle owns one curl handle, and so
 * one connection that is kept between requests. */

#include <config.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "common/cleanup.h"
#include "controller/client/handle.h"
#include "controller/common/error.h"
#include "controller/common/paths.h"

/* A backup may wait for several of QEMU's commands, with 30 seconds for each.
 */
#define REQUEST_SECONDS 600L
/* A list of very many checkpoints is a few MiB. */
#define REPLY_LIMIT ((size_t) 64 << 20)

#define UNIX_SCHEME "unix://"

struct pullback_handle {
  CURL *curl;
  char *uri;
  const char *socket; /* the path in 'uri' */
};

/* The daemon's answer while it comes in. */
struct answer {
  char *text;
  size_t size;
};

_Static_assert((int) ERROR_NONE == (int) PULLBACK_ERROR_NONE &&
                   (int) ERROR_INVALID == (int) PULLBACK_ERROR_INVALID &&
                   (int) ERROR_NOT_FOUND == (int) PULLBACK_ERROR_NOT_FOUND &&
                   (int) ERROR_CONFLICT == (int) PULLBACK_ERROR_CONFLICT &&
                   (int) ERROR_UNSUPPORTED ==
                       (int) PULLBACK_ERROR_UNSUPPORTED &&
                   (int) ERROR_QEMU == (int) PULLBACK_ERROR_QEMU &&
                   (int) ERROR_SYSTEM == (int) PULLBACK_ERROR_SYSTEM &&
                   (int) ERROR_UNREACHABLE == (int) PULLBACK_ERROR_UNREACHABLE,
               "the public kinds of error are the internal ones");

const char *
pullback_error (void)
{
  return error_message ();
}

enum pullback_error_kind
pullback_error_kind (void)
{
  return (enum pullback_error_kind) error_kind ();
}

char *
pullback_default_uri (void)
{
  CLEANUP_PATHS struct paths paths = { 0 };
  CLEANUP_FREE char *path = NULL;
  const char *given = getenv ("PULLBACK_URI");
  char *uri;

  if (given && given[0])
    uri = strdup (given);
  else {
    if (paths_default (&paths) == -1)
      return NULL;
    path = paths_socket (paths.run);
    if (path == NULL)
      return NULL;
    if (asprintf (&uri, UNIX_SCHEME "%s", path) == -1)
      uri = NULL;
  }
  if (uri == NULL)
    fail_errno (ERROR_SYSTEM, "URI of the daemon");
  return uri;
}

/* Where in the URI the socket's path begins; NULL: reported. */
static const char *
socket_of_uri (const char *uri)
{
  const char *path = uri + strlen (UNIX_SCHEME);

  if (strncmp (uri, UNIX_SCHEME, strlen (UNIX_SCHEME)) != 0 || path[0] != '/') {
    fail (ERROR_UNSUPPORTED,
          "the URI '%s' is not supported; a daemon's URI is unix:///PATH with "
          "the absolute path of its socket",
          uri);
    return NULL;
  }
  return paths_check_socket (path) == 0 ? path : NULL;
}

static size_t
take_answer (char *data, size_t one, size_t size, void *opaque)
{
  struct answer *answer = opaque;
  char *grown;

  (void) one;
  if (size > REPLY_LIMIT - answer->size)
    return 0;
  grown = realloc (answer->text, answer->size + size + 1);
  if (grown == NULL)
    return 0;
  answer->text = grown;
  memcpy (grown + answer->size, data, size);
  answer->size += size;
  grown[answer->size] = '\0';
  return size;
}

static void
curl_start (void)
{
  curl_global_init (CURL_GLOBAL_DEFAULT);
}

pullback_handle *
pullback_open (const char *uri)
{
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  CLEANUP_FREE char *copy = uri ? strdup (uri) : pullback_default_uri ();
  const char *socket = copy ? socket_of_uri (copy) : NULL;
  pullback_handle *handle;

  if (socket == NULL) {
    if (copy == NULL && uri)
      fail_errno (ERROR_SYSTEM, "URI of the daemon");
    return NULL;
  }
  pthread_once (&once, curl_start);
  handle = calloc (1, sizeof *handle);
  if (handle)
    handle->curl = curl_easy_init ();
  if (handle == NULL || handle->curl == NULL) {
    free (handle);
    fail (ERROR_SYSTEM, "cannot initialize libcurl");
    return NULL;
  }
  handle->socket = socket;
  handle->uri = STEAL (copy);
  return handle;
}

void
pullback_close (pullback_handle *handle)
{
  if (handle == NULL)
    return;
  curl_easy_cleanup (handle->curl);
  free (handle->uri);
  free (handle);
}

const char *
pullback_uri (const pullback_handle *handle)
{
  return handle->uri;
}

char *
client_escape (pullback_handle *handle, const char *text)
{
  char *encoded = curl_easy_escape (handle->curl, text, 0);
  char *copy = encoded ? strdup (encoded) : NULL;

  curl_free (encoded);
  if (copy == NULL)
    fail_errno (ERROR_SYSTEM, "text of a request");
  return copy;
}

char *
client_path (pullback_handle *handle, ...)
{
  CLEANUP_FREE char *path = strdup ("/v1");
  const char *segment;
  va_list segments;

  va_start (segments, handle);
  while (path && (segment = va_arg (segments, const char *)) != NULL) {
    CLEANUP_FREE char *encoded = client_escape (handle, segment);
    char *longer;

    if (!encoded || asprintf (&longer, "%s/%s", path, encoded) == -1)
      longer = NULL;
    free (path);
    path = longer;
  }
  va_end (segments);
  if (path == NULL)
    fail_errno (ERROR_SYSTEM, "path of a request");
  return STEAL (path);
}

static int
report_transport (pullback_handle *handle, CURLcode code)
{
  long number = 0;

  curl_easy_getinfo (handle->curl, CURLINFO_OS_ERRNO, &number);
  switch (code) {
  case CURLE_COULDNT_CONNECT:
    return fail (
        ERROR_UNREACHABLE, "no daemon answers at %s: %s; is pullbackd running?",
        handle->uri, number ? strerror (number) : curl_easy_strerror (code));
  case CURLE_GOT_NOTHING:
  case CURLE_RECV_ERROR:
  case CURLE_SEND_ERROR:
  case CURLE_PARTIAL_FILE:
    return fail (ERROR_UNREACHABLE,
                 "the daemon at %s closed the connection without an answer; "
                 "its log tells why",
                 handle->uri);
  case CURLE_OPERATION_TIMEDOUT:
    return fail (ERROR_UNREACHABLE,
                 "the daemon at %s did not answer within %ld seconds",
                 handle->uri, REQUEST_SECONDS);
  default:
    return fail (ERROR_SYSTEM, "%s: %s", handle->uri,
                 curl_easy_strerror (code));
  }
}

/* The error in the answer becomes this thread's. */
static int
report_answer (pullback_handle *handle, const char *text)
{
  static const struct {
    const char *name;
    enum error_kind kind;
  } kinds[] = {
    { "invalid", ERROR_INVALID },   { "not-found", ERROR_NOT_FOUND },
    { "conflict", ERROR_CONFLICT }, { "unsupported", ERROR_UNSUPPORTED },
    { "qemu", ERROR_QEMU },         { "system", ERROR_SYSTEM },
  };
  json_object *body = json_tokener_parse (text);
  json_object *error, *kind, *message;
  size_t i;

  if (!json_object_object_get_ex (body, "error", &error) ||
      !json_object_object_get_ex (error, "kind", &kind) ||
      !json_object_object_get_ex (error, "message", &message))
    fail (ERROR_SYSTEM, "what answers at %s is not pullbackd", handle->uri);
  else {
    fail (ERROR_SYSTEM, "%s", json_object_get_string (message));
    for (i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
      if (strcmp (kinds[i].name, json_object_get_string (kind)) == 0)
        fail (kinds[i].kind, "%s", json_object_get_string (message));
  }
  json_object_put (body);
  return -1;
}

static CURLcode
perform (pullback_handle *handle, const char *method, const char *url,
         json_object *body, struct answer *answer)
{
  struct curl_slist *headers =
      body ? curl_slist_append (NULL, "Content-Type: application/json") : NULL;
  CURLcode code;

  curl_easy_reset (handle->curl);
  curl_easy_setopt (handle->curl, CURLOPT_UNIX_SOCKET_PATH, handle->socket);
  curl_easy_setopt (handle->curl, CURLOPT_NOPROXY, "*");
  curl_easy_setopt (handle->curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt (handle->curl, CURLOPT_TIMEOUT, REQUEST_SECONDS);
  curl_easy_setopt (handle->curl, CURLOPT_URL, url);
  /* A name such as ".." is the daemon's to refuse, not curl's to resolve. */
  curl_easy_setopt (handle->curl, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt (handle->curl, CURLOPT_WRITEFUNCTION, take_answer);
  curl_easy_setopt (handle->curl, CURLOPT_WRITEDATA, answer);
  if (body) {
    curl_easy_setopt (handle->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt (handle->curl, CURLOPT_COPYPOSTFIELDS,
                      json_object_to_json_string_ext (body, 0));
  }
  curl_easy_setopt (handle->curl, CURLOPT_CUSTOMREQUEST, method);
  code = curl_easy_perform (handle->curl);
  curl_slist_free_all (headers);
  return code;
}

char *
client_request (pullback_handle *handle, const char *method, char *given_path,
                json_object *body)
{
  CLEANUP_FREE char *path = given_path;
  CLEANUP_FREE char *url = NULL;
  struct answer answer = { 0 };
  CLEANUP_FREE char *text = NULL;
  CURLcode code = CURLE_OUT_OF_MEMORY;
  long status = 0;

  if (path && asprintf (&url, "http://pullbackd%s", path) == -1)
    url = NULL;
  if (url)
    code = perform (handle, method, url, body, &answer);
  json_object_put (body);
  text = answer.text;
  if (path == NULL)
    return NULL;
  if (code != CURLE_OK) {
    report_transport (handle, code);
    return NULL;
  }
  curl_easy_getinfo (handle->curl, CURLINFO_RESPONSE_CODE, &status);
  if (text == NULL || status < 200 || status > 299) {
    report_answer (handle, text ? text : "");
    return NULL;
  }
  return STEAL (text);
}
