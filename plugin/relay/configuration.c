/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line. */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "plugin/relay/configuration.h"
#include "plugin/relay/listener.h"
#include "plugin/relay/message.h"

static const char usage[] =
    "Usage: pullback-relay --upstream SERVER --listen ADDRESS [OPTION...]\n"
    "\n"
    "Serves the exports of the NBD server SERVER, read-only, and adds "
    "metadata\n"
    "contexts that say what changed since a checkpoint.\n"
    "\n"
    "  --upstream SERVER        unix:PATH, tcp:HOST:PORT or an NBD URI\n"
    "  --listen ADDRESS         unix:PATH or tcp:HOST:PORT; may be repeated.\n"
    "                           Not with socket activation\n"
    "  --context export=EXPORT,name=CONTEXT,view=EXPORT\n"
    "                           offer the second export's allocation as a\n"
    "                           context of the first; ',,' is a comma; may be\n"
    "                           repeated\n"
    "  --tls off|allow|require  require, if one of the next two is given\n"
    "  --tls-certificates DIR   ca-cert.pem, server-cert.pem, server-key.pem\n"
    "  --tls-psk FILE           pre-shared keys\n"
    "  --tls-no-verify-peer     clients need no certificate\n"
    "  --tls-subject PATTERN    that clients' certificates must match; may be\n"
    "                           repeated\n"
    "  --control FD             an inherited socket on which whoever starts\n"
    "                           the relay gives and revokes clients' tickets\n"
    "  --insecure               may listen without required TLS where other\n"
    "                           machines can connect\n"
    "  --reclaim                what clients have received is trimmed from "
    "SERVER,\n"
    "                           and can be read no more\n"
    "  --max-connections N      clients at once (1000)\n"
    "  --max-connections-per-address N\n"
    "                           of them from one address (250)\n"
    "  --max-option-bytes N     that a client may send to negotiate (1048576)\n"
    "  --max-requests-in-flight N\n"
    "                           reads at once for one connection (64, at most)"
    "\n"
    "  --max-bytes-in-flight N  read at once for one connection (67108864)\n"
    "  --negotiation-time N     seconds that negotiating may take (10)\n"
    "  --idle-time N            seconds that a client may do nothing (86400)\n"
    "  --help, --version        print this, or the version, and exit\n";

enum {
  OPTION_UPSTREAM = 256,
  OPTION_LISTEN,
  OPTION_CONTEXT,
  OPTION_TLS,
  OPTION_TLS_CERTIFICATES,
  OPTION_TLS_PSK,
  OPTION_TLS_NO_VERIFY_PEER,
  OPTION_TLS_SUBJECT,
  OPTION_CONTROL,
  OPTION_INSECURE,
  OPTION_RECLAIM,
  OPTION_CONNECTIONS,
  OPTION_CONNECTIONS_PER_ADDRESS,
  OPTION_OPTION_BYTES,
  OPTION_BYTES_IN_FLIGHT,
  OPTION_REQUESTS_IN_FLIGHT,
  OPTION_IDLE,
  OPTION_NEGOTIATION,
  OPTION_HELP,
  OPTION_VERSION,
};

static const struct option long_options[] = {
  { "upstream", required_argument, NULL, OPTION_UPSTREAM },
  { "listen", required_argument, NULL, OPTION_LISTEN },
  { "context", required_argument, NULL, OPTION_CONTEXT },
  { "tls", required_argument, NULL, OPTION_TLS },
  { "tls-certificates", required_argument, NULL, OPTION_TLS_CERTIFICATES },
  { "tls-psk", required_argument, NULL, OPTION_TLS_PSK },
  { "tls-no-verify-peer", no_argument, NULL, OPTION_TLS_NO_VERIFY_PEER },
  { "tls-subject", required_argument, NULL, OPTION_TLS_SUBJECT },
  { "control", required_argument, NULL, OPTION_CONTROL },
  { "insecure", no_argument, NULL, OPTION_INSECURE },
  { "reclaim", no_argument, NULL, OPTION_RECLAIM },
  { "max-connections", required_argument, NULL, OPTION_CONNECTIONS },
  { "max-connections-per-address", required_argument, NULL,
    OPTION_CONNECTIONS_PER_ADDRESS },
  { "max-requests-in-flight", required_argument, NULL,
    OPTION_REQUESTS_IN_FLIGHT },
  { "max-bytes-in-flight", required_argument, NULL, OPTION_BYTES_IN_FLIGHT },
  { "idle-time", required_argument, NULL, OPTION_IDLE },
  { "max-option-bytes", required_argument, NULL, OPTION_OPTION_BYTES },
  { "negotiation-time", required_argument, NULL, OPTION_NEGOTIATION },
  { "help", no_argument, NULL, OPTION_HELP },
  { "version", no_argument, NULL, OPTION_VERSION },
  { NULL, 0, NULL, 0 },
};

static int
out_of_memory (void)
{
  message ("%s", strerror (errno));
  return -1;
}

static int
add_listen (struct configuration *configuration, const char *text)
{
  struct address *listen = reallocarray (
      configuration->listen, configuration->listen_count + 1, sizeof *listen);

  if (listen == NULL)
    return out_of_memory ();
  configuration->listen = listen;
  if (address_parse (text, &listen[configuration->listen_count]) == -1)
    return -1;
  configuration->listen_count++;
  return 0;
}

/* The text up to the next single comma, ',,' read as one; *next is what follows
 * it, NULL at the end. */
static char *
next_field (const char *text, const char **next)
{
  char *field = malloc (strlen (text) + 1), *end = field;

  *next = NULL;
  for (; field && *text; text++) {
    if (*text == ',' && *++text != ',') {
      *next = text;
      break;
    }
    *end++ = *text;
  }
  if (field)
    *end = '\0';
  return field;
}

/* Stores KEY=VALUE where the key says. */
static int
set_field (struct context_definition *context, const char *field)
{
  const struct {
    const char *key;
    char **value;
  } known[] = { { "export=", &context->export },
                { "name=", &context->name },
                { "view=", &context->view } };

  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    const size_t length = strlen (known[i].key);

    if (strncmp (field, known[i].key, length) != 0 || *known[i].value)
      continue;
    *known[i].value = strdup (field + length);
    return *known[i].value ? 0 : -1;
  }
  return -1;
}

static int
add_context (struct configuration *configuration, const char *text)
{
  struct context_definition *contexts =
      reallocarray (configuration->contexts, configuration->context_count + 1,
                    sizeof *contexts);
  struct context_definition *context;
  const char *rest = text;
  bool valid = true;

  if (contexts == NULL)
    return out_of_memory ();
  configuration->contexts = contexts;
  context = &contexts[configuration->context_count++];
  memset (context, 0, sizeof *context);
  while (rest && valid) {
    CLEANUP_FREE char *field = next_field (rest, &rest);

    valid = field && set_field (context, field) == 0;
  }
  valid = valid && context->export && context->name && context->view &&
          strchr (context->name, ':') &&
          name_valid (context->name, strlen (context->name));
  if (!valid)
    message ("--context '%s' is not export=EXPORT,name=NAMESPACE:NAME,"
             "view=EXPORT",
             text);
  return valid ? 0 : -1;
}

static int
parse_number (const char *option, const char *text, unsigned *value)
{
  char *end;
  long n;

  errno = 0;
  n = strtol (text, &end, 10);
  if (errno || *end || end == text || n < 1 || n > INT_MAX) {
    message ("--%s '%s' is not a number of 1 or more", option, text);
    return -1;
  }
  *value = n;
  return 0;
}

/* Not a socket that listens: a mistake that would show only later. */
static int
set_control (const char *text, int *fd)
{
  int listens = 0;
  socklen_t size = sizeof listens;
  unsigned value = 0;

  if (parse_number ("control", text, &value) == -1)
    return -1;
  *fd = value;
  if (getsockopt (*fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 &&
      listens && fcntl (*fd, F_SETFD, FD_CLOEXEC) == 0)
    return 0;
  message ("--control %s is not the descriptor of a listening socket", text);
  return -1;
}

static int
set_string (char **place, const char *text)
{
  free (*place);
  *place = strdup (text);
  return *place ? 0 : out_of_memory ();
}

static int
set_tls_mode (struct tls_configuration *tls, const char *text)
{
  static const char *const modes[] = {
    [TLS_OFF] = "off", [TLS_ALLOW] = "allow", [TLS_REQUIRE] = "require"
  };

  for (enum tls_mode mode = TLS_OFF; mode <= TLS_REQUIRE; mode++)
    if (strcmp (text, modes[mode]) == 0) {
      tls->mode = mode;
      return 0;
    }
  message ("--tls '%s' is not off, allow or require", text);
  return -1;
}

/* Fills in the default. */
static int
check_tls (struct tls_configuration *tls, bool has_tickets)
{
  const bool has_credentials = tls->certificates || tls->psk || has_tickets;

  if (tls->mode == TLS_UNSET)
    tls->mode = tls->certificates || tls->psk ? TLS_REQUIRE : TLS_OFF;
  if (tls->mode != TLS_OFF && !has_credentials) {
    message ("TLS needs --tls-certificates, --tls-psk or --control");
    return -1;
  }
  if (tls->psk && has_tickets) {
    message ("--tls-psk and --control exclude each other");
    return -1;
  }
  if ((tls->any_peer || tls->subjects.count > 0) && !tls->certificates) {
    message ("--tls-no-verify-peer and --tls-subject need --tls-certificates");
    return -1;
  }
  if (tls->any_peer && tls->subjects.count > 0) {
    message ("--tls-no-verify-peer and --tls-subject exclude each other");
    return -1;
  }
  return 0;
}

static int
parse_option (struct configuration *configuration, int option, const char *name)
{
  switch (option) {
  case OPTION_UPSTREAM:
    address_free (&configuration->upstream);
    return address_parse_server (optarg, &configuration->upstream);
  case OPTION_LISTEN:
    return add_listen (configuration, optarg);
  case OPTION_CONTEXT:
    return add_context (configuration, optarg);
  case OPTION_TLS:
    return set_tls_mode (&configuration->tls, optarg);
  case OPTION_TLS_CERTIFICATES:
    return set_string (&configuration->tls.certificates, optarg);
  case OPTION_TLS_PSK:
    return set_string (&configuration->tls.psk, optarg);
  case OPTION_TLS_NO_VERIFY_PEER:
    configuration->tls.any_peer = true;
    return 0;
  case OPTION_TLS_SUBJECT:
    return names_add (&configuration->tls.subjects, optarg, strlen (optarg)) ==
                   -1
               ? out_of_memory ()
               : 0;
  case OPTION_CONTROL:
    return set_control (optarg, &configuration->control);
  case OPTION_INSECURE:
    configuration->insecure = true;
    return 0;
  case OPTION_RECLAIM:
    configuration->reclaim = true;
    return 0;
  case OPTION_CONNECTIONS:
    return parse_number (name, optarg, &configuration->connections);
  case OPTION_OPTION_BYTES:
    return parse_number (name, optarg, &configuration->option_bytes);
  case OPTION_CONNECTIONS_PER_ADDRESS:
    return parse_number (name, optarg, &configuration->connections_per_address);
  case OPTION_REQUESTS_IN_FLIGHT:
    return parse_number (name, optarg, &configuration->requests_in_flight);
  case OPTION_BYTES_IN_FLIGHT:
    return parse_number (name, optarg, &configuration->bytes_in_flight);
  case OPTION_IDLE:
    return parse_number (name, optarg, &configuration->idle);
  case OPTION_NEGOTIATION:
    return parse_number (name, optarg, &configuration->negotiation);
  case OPTION_HELP:
    fputs (usage, stdout);
    exit (EXIT_SUCCESS);
  case OPTION_VERSION:
    puts ("pullback-relay " PACKAGE_VERSION);
    exit (EXIT_SUCCESS);
  default:
    message ("see pullback-relay --help"); /* getopt has said why */
    return -1;
  }
}

static int
check (const struct configuration *configuration)
{
  if (configuration->upstream.path == NULL &&
      configuration->upstream.host == NULL) {
    message ("--upstream is needed; see pullback-relay --help");
    return -1;
  }
  if (configuration->requests_in_flight > MAX_REQUESTS_IN_FLIGHT) {
    message ("--max-requests-in-flight is %d at most", MAX_REQUESTS_IN_FLIGHT);
    return -1;
  }
  if (configuration->listen_count == 0 && listeners_inherited () == 0) {
    message ("--listen is needed, or socket activation; see pullback-relay "
             "--help");
    return -1;
  }
  if (configuration->listen_count > 0 && listeners_inherited () > 0) {
    message ("--listen and socket activation exclude each other");
    return -1;
  }
  return 0;
}

int
configuration_parse (struct configuration *configuration, int argc,
                     char *argv[])
{
  int option, index = 0;

  *configuration =
      (struct configuration){ .connections = 1000,
                              .negotiation = 10,
                              .option_bytes = 1 << 20,
                              .connections_per_address = 250,
                              .idle = 24 * 60 * 60,
                              .requests_in_flight = MAX_REQUESTS_IN_FLIGHT,
                              .bytes_in_flight = 1 << 26 };
  while ((option = getopt_long (argc, argv, "", long_options, &index)) != -1)
    if (parse_option (configuration, option, long_options[index].name) == -1)
      return -1;
  if (optind < argc) {
    message ("'%s' is one argument too many; see pullback-relay --help",
             argv[optind]);
    return -1;
  }
  if (check_tls (&configuration->tls, configuration->control != 0) == -1)
    return -1;
  return check (configuration);
}

void
configuration_free (struct configuration *configuration)
{
  address_free (&configuration->upstream);
  tls_configuration_free (&configuration->tls);
  for (size_t i = 0; i < configuration->listen_count; i++)
    address_free (&configuration->listen[i]);
  free (configuration->listen);
  for (size_t i = 0; i < configuration->context_count; i++) {
    free (configuration->contexts[i].export);
    free (configuration->contexts[i].name);
    free (configuration->contexts[i].view);
  }
  free (configuration->contexts);
}
