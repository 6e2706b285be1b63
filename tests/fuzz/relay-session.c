/* SPDX-License-Identifier: BSD-3-Clause */
/* One relay from its beginning to its end, with the relay's own code and real
 * sockets; only its main and its listener are left out. */

#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "plugin/relay/configuration.h"
#include "plugin/relay/connection.h"
#include "plugin/relay/threads.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/relay-session.h"

/* A client that has got so much has heard enough. */
#define MAX_GOT (4 << 20)

static uint8_t got[MAX_GOT];

/* Where the server behind is, for as long as the process lives. */
static struct {
  char folder[32], socket[64], psk[64];
} paths;

static void
remove_paths (void)
{
  unlink (paths.socket);
  unlink (paths.psk);
  rmdir (paths.folder);
}

static void
make_paths (void)
{
  CLEANUP_FCLOSE FILE *psk = NULL;

  strcpy (paths.folder, "/tmp/pullback-XXXXXX");
  must (mkdtemp (paths.folder) != NULL, "mkdtemp: %s", strerror (errno));
  snprintf (paths.socket, sizeof paths.socket, "%s/sock", paths.folder);
  snprintf (paths.psk, sizeof paths.psk, "%s/psk", paths.folder);
  psk = fopen (paths.psk, "w");
  must (psk && fprintf (psk, "client:%032d\n", 0) > 0, "%s: %s", paths.psk,
        strerror (errno));
  atexit (remove_paths);
}

static void
configure (struct configuration *configuration, enum session_kind kind)
{
  char upstream[80], psk[80];
  char *arguments[16] = {
    "relay",
    upstream,
    "--listen=unix:/nowhere",
    "--context=export=vda,name=qemu:dirty-bitmap:backup-vda,view=vda@monday",
    "--context=export=vda,name=x:none,view=vda@never",
  };
  int count = 5;

  snprintf (upstream, sizeof upstream, "--upstream=unix:%s", paths.socket);
  snprintf (psk, sizeof psk, "--tls-psk=%s", paths.psk);
  if (kind == SESSION_NARROW) {
    arguments[count++] = "--max-requests-in-flight=2";
    arguments[count++] = "--max-bytes-in-flight=100000";
  }
  if (kind >= SESSION_TLS_ALLOWED) {
    arguments[count++] = psk;
    arguments[count++] =
        kind == SESSION_TLS_ALLOWED ? "--tls=allow" : "--tls=require";
  }
  optind = 0; /* the parser begins anew */
  must (configuration_parse (configuration, count, arguments) == 0,
        "the relay does not take its options");
}

static const struct configuration *
configuration_of (enum session_kind kind)
{
  static struct configuration configurations[SESSION_TLS_REQUIRED + 1];

  if (paths.folder[0] == '\0')
    make_paths ();
  if (configurations[kind].upstream.path == NULL)
    configure (&configurations[kind], kind);
  return &configurations[kind];
}

/* The server behind: a listener, and a thread for each connection. */
struct server {
  const struct session *session;
  int listener;
  pthread_t thread;
  struct connection_thread *first; /* the acceptor's, until it has ended */
};

struct connection_thread {
  struct connection_thread *next;
  const struct session *session;
  unsigned number;
  int fd;
  pthread_t thread;
};

static void *
connection_thread (void *opaque)
{
  struct connection_thread *connection = opaque;

  connection->session->serve (connection->session->opaque, connection->number,
                              connection->fd);
  close (connection->fd);
  return NULL;
}

/* Until the listener is shut down and has no client any more. */
static void *
accept_thread (void *opaque)
{
  struct server *server = opaque;
  unsigned number = 0;
  int fd;

  while ((fd = accept4 (server->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
    struct connection_thread *connection = calloc (1, sizeof *connection);

    must (connection != NULL, "calloc");
    *connection = (struct connection_thread){ .next = server->first,
                                              .session = server->session,
                                              .number = number++,
                                              .fd = fd };
    server->first = connection;
    must (pthread_create (&connection->thread, NULL, connection_thread,
                          connection) == 0,
          "pthread_create");
  }
  return NULL;
}

static void
server_start (struct server *server, const struct session *session)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };

  strcpy (address.sun_path, paths.socket);
  unlink (paths.socket);
  server->session = session;
  server->first = NULL;
  server->listener = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  must (server->listener >= 0 &&
            bind (server->listener, (struct sockaddr *) &address,
                  sizeof address) == 0 &&
            listen (server->listener, 16) == 0,
        "%s: %s", paths.socket, strerror (errno));
  must (pthread_create (&server->thread, NULL, accept_thread, server) == 0,
        "pthread_create");
}

/* The relay has closed its connections. */
static void
server_stop (struct server *server)
{
  struct connection_thread *connection;

  shutdown (server->listener, SHUT_RDWR);
  pthread_join (server->thread, NULL);
  while ((connection = server->first)) {
    server->first = connection->next;
    pthread_join (connection->thread, NULL);
    free (connection);
  }
  close (server->listener);
}

/* The relay's side of the client's connection. */
struct relay_side {
  struct relay *relay;
  int fd;
};

static void *
relay_thread (void *opaque)
{
  struct relay_side *side = opaque;

  connection_serve (side->relay, side->fd);
  close (side->fd);
  return NULL;
}

/* The client: sends, and listens meanwhile, so that neither side waits for the
 * other. */
static void
converse (struct session *session, int fd)
{
  const uint8_t *next = session->sent;
  size_t left = session->sent_length;
  ssize_t r;

  if (left == 0)
    shutdown (fd, SHUT_WR);
  while (!session->cut) {
    struct pollfd events = { .fd = fd,
                             .events = POLLIN | (left > 0 ? POLLOUT : 0) };

    must (poll (&events, 1, -1) == 1 || errno == EINTR, "poll: %s",
          strerror (errno));
    if (left > 0 && events.revents & POLLOUT) {
      r = send (fd, next, left, MSG_DONTWAIT | MSG_NOSIGNAL);
      /* Nobody listens any more, but something may be left to read. */
      r = r >= 0 ? r : errno == EAGAIN ? 0 : (ssize_t) left;
      next += r;
      left -= r;
      if (left == 0)
        shutdown (fd, SHUT_WR);
    }
    if (events.revents & (POLLIN | POLLHUP | POLLERR)) {
      session->cut = session->got_length == sizeof got;
      r = recv (fd, got + session->got_length, sizeof got - session->got_length,
                MSG_DONTWAIT);
      if (r == 0 || (r == -1 && errno != EAGAIN))
        return;
      session->got_length += r > 0 ? r : 0;
    }
  }
}

/* libFuzzer's clock interrupts the thread that libFuzzer runs, and no other:
 * the threads of a session are started while it is blocked. */
static void
block_clock (int how)
{
  sigset_t set;

  sigemptyset (&set);
  sigaddset (&set, SIGALRM);
  pthread_sigmask (how, &set, NULL);
}

/* It is another one after a session that has left a descriptor open. */
static int
lowest_free_descriptor (void)
{
  const int fd = dup (STDOUT_FILENO);

  close (fd);
  return fd;
}

void
session_run (struct session *session)
{
  const struct configuration *configuration = configuration_of (session->kind);
  const int lowest = lowest_free_descriptor ();
  struct relay_side side;
  struct server server;
  struct relay relay;
  pthread_t thread;
  int fds[2];

  session->got = got;
  session->got_length = 0;
  session->cut = false;
  must (relay_open (&relay, configuration) == 0, "relay_open");
  must (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0,
        "socketpair: %s", strerror (errno));
  block_clock (SIG_BLOCK);
  server_start (&server, session);
  side = (struct relay_side){ .relay = &relay, .fd = fds[0] };
  must (thread_start (&thread, relay_thread, &side) == 0, "thread_start");
  block_clock (SIG_UNBLOCK);
  converse (session, fds[1]);
  close (fds[1]);
  pthread_join (thread, NULL);
  relay_close (&relay);
  server_stop (&server);
  must (lowest_free_descriptor () == lowest, "a descriptor was left open");
}
