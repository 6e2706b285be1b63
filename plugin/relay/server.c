/* SPDX-License-Identifier: BSD-3-Clause */
/* Accepts clients, a thread each, and sees them off at the end. */

#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "plugin/relay/connection.h"
#include "plugin/relay/message.h"
#include "plugin/relay/server.h"
#include "plugin/relay/threads.h"

/* How long clients may go on at the end, and how long cutting them off may
 * take. */
#define DRAIN_LIMIT 5 /* seconds */
#define CUT_LIMIT   2

/* After which a descriptor may be free again, when there was none. */
#define EXHAUSTED_PAUSE 100 /* milliseconds */

/* One client, owned by its thread and in the server's list. */
struct client {
  struct client *next, *previous;
  struct server *server;
  int fd;
  uint8_t key[ADDRESS_KEY_SIZE]; /* of its address */
  size_t key_length;
};

struct server {
  struct relay *relay;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  struct client *clients; /* under the lock */
  unsigned count;
};

static void
add_client (struct server *server, struct client *client)
{
  LOCK_IN_SCOPE (&server->lock);
  client->next = server->clients;
  if (client->next)
    client->next->previous = client;
  server->clients = client;
  server->count++;
}

/* Closed under the lock, so that nobody cuts off a descriptor that is another
 * client's by now. */
static void
remove_client (struct client *client)
{
  struct server *server = client->server;

  LOCK_IN_SCOPE (&server->lock);
  close (client->fd);
  if (client->previous)
    client->previous->next = client->next;
  else
    server->clients = client->next;
  if (client->next)
    client->next->previous = client->previous;
  server->count--;
  free (client);
  pthread_cond_signal (&server->changed);
}

static void *
client_thread (void *opaque)
{
  struct client *client = opaque;

  connection_serve (client->server->relay, client->fd);
  remove_client (client);
  return NULL;
}

/* Whether one more client is within the limits. */
static bool
admit (struct server *server, const struct client *client)
{
  const struct configuration *configuration = server->relay->configuration;
  unsigned same = 0;

  LOCK_IN_SCOPE (&server->lock);
  if (server->count >= configuration->connections)
    return false;
  if (client->key_length == 0)
    return true;
  for (const struct client *other = server->clients; other; other = other->next)
    if (other->key_length == client->key_length &&
        memcmp (other->key, client->key, client->key_length) == 0)
      same++;
  return same < configuration->connections_per_address;
}

static void
start_client (struct server *server, int fd,
              const struct sockaddr_storage *address)
{
  struct client *client = calloc (1, sizeof *client);
  const int on = 1;
  pthread_t thread;

  if (client)
    client->key_length = address_key (address, client->key);
  if (client == NULL || !admit (server, client)) {
    free (client);
    close (fd);
    return;
  }
  /* Of no effect on a Unix socket. */
  setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt (fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  client->server = server;
  client->fd = fd;
  add_client (server, client);
  if (thread_start (&thread, client_thread, client) == -1)
    remove_client (client);
  else
    pthread_detach (thread);
}

/* One client of a listener that has some. */
static void
accept_client (struct server *server, int listener)
{
  struct sockaddr_storage address = { 0 };
  socklen_t length = sizeof address;
  const int fd =
      accept4 (listener, (struct sockaddr *) &address, &length, SOCK_CLOEXEC);

  if (fd >= 0)
    start_client (server, fd, &address);
  else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
           errno == ENOMEM) {
    /* The listener stays readable: do not spin. */
    message ("cannot accept a client: %s", strerror (errno));
    poll (NULL, 0, EXHAUSTED_PAUSE);
  }
}

static void
accept_clients (struct server *server, const struct listeners *listeners,
                int signal_fd)
{
  const size_t count = listeners->count;
  CLEANUP_FREE struct pollfd *fds = calloc (count + 1, sizeof *fds);

  if (fds == NULL) {
    message ("%s", strerror (errno));
    return;
  }
  for (size_t i = 0; i < count; i++)
    fds[i] = (struct pollfd){ .fd = listeners->fds[i], .events = POLLIN };
  fds[count] = (struct pollfd){ .fd = signal_fd, .events = POLLIN };

  while (fds[count].revents == 0) {
    if (poll (fds, count + 1, -1) == -1 && errno != EINTR) {
      message ("%s", strerror (errno));
      return;
    }
    for (size_t i = 0; i < count; i++)
      if (fds[i].revents)
        accept_client (server, fds[i].fd);
  }
}

/* Until no client is left, or time is up. */
static bool
wait_for_clients (struct server *server, unsigned seconds)
{
  struct timespec limit;

  clock_gettime (CLOCK_MONOTONIC, &limit);
  limit.tv_sec += seconds;
  LOCK_IN_SCOPE (&server->lock);
  while (server->count > 0)
    if (pthread_cond_clockwait (&server->changed, &server->lock,
                                CLOCK_MONOTONIC, &limit) == ETIMEDOUT)
      break;
  return server->count == 0;
}

static void
cut_clients (struct server *server)
{
  LOCK_IN_SCOPE (&server->lock);
  for (struct client *client = server->clients; client; client = client->next)
    shutdown (client->fd, SHUT_RDWR);
}

static bool
drain (struct server *server)
{
  const uint64_t one = 1;
  ssize_t r;

  atomic_store (&server->relay->draining, true);
  r = write (server->relay->drain_fd, &one, sizeof one);
  (void) r; /* an eventfd that is at zero takes it */
  if (wait_for_clients (server, DRAIN_LIMIT))
    return true;
  cut_clients (server);
  return wait_for_clients (server, CUT_LIMIT);
}

bool
server_run (struct relay *relay, struct listeners *listeners, int signal_fd)
{
  /* Static: client threads that will not end may still use it at exit. */
  static struct server server = { .lock = PTHREAD_MUTEX_INITIALIZER,
                                  .changed = PTHREAD_COND_INITIALIZER };

  server.relay = relay;
  accept_clients (&server, listeners, signal_fd);
  listeners_close (listeners);
  return drain (&server);
}
