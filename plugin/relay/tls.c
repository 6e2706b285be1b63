/* SPDX-License-Identifier: BSD-3-Clause */
/* TLS of the relay as a server, by gnutls: credentials and the handshake.  The
 * bytes themselves go through the stream, which then owns the session. */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "common/cleanup.h"
#include "plugin/relay/errands.h"
#include "plugin/relay/keys.h"
#include "plugin/relay/message.h"
#include "plugin/relay/tls.h"

/* The names of libvirt, QEMU and nbdkit. */
#define CA_FILE          "ca-cert.pem"
#define REVOCATION_FILE  "ca-crl.pem"
#define CERTIFICATE_FILE "server-cert.pem"
#define KEY_FILE         "server-key.pem"

/* Ours, not the client's: with a pre-shared key GnuTLS, which libnbd and QEMU
 * use too, would take ChaCha20, since the key goes with SHA-256 and their
 * AES-256 with SHA-384, at a fifth of the speed of AES where processors have
 * instructions for that. */
#define PRIORITY                                                               \
  "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-GCM:"       \
  "+AES-256-GCM:+CHACHA20-POLY1305:%SERVER_PRECEDENCE"
#define PRIORITY_PSK PRIORITY ":+ECDHE-PSK:+DHE-PSK:+PSK"

struct tls {
  const struct tls_configuration *configuration;
  gnutls_priority_t priority;
  gnutls_certificate_credentials_t certificates; /* NULL: none */
  gnutls_psk_server_credentials_t psk;           /* NULL: none */
  struct tickets *tickets;                       /* NULL: none */
};

void
tls_configuration_free (struct tls_configuration *configuration)
{
  free (configuration->certificates);
  free (configuration->psk);
  names_free (&configuration->subjects);
}

static int
out_of_memory (void)
{
  message ("%s", strerror (ENOMEM));
  return -1;
}

/* Reading a list gives the number of what is in it; none is a mistake. */
static int
none_is_error (int r)
{
  return r == 0 ? GNUTLS_E_NO_CERTIFICATE_FOUND : r;
}

static int
check_file (const char *what, const char *path, int r)
{
  if (r >= 0)
    return 0;
  message ("%s '%s': %s", what, path,
           access (path, R_OK) == -1 ? strerror (errno) : gnutls_strerror (r));
  return -1;
}

/* Who has signed the clients' certificates, and which of those no longer
 * count. */
static int
load_authority (struct tls *tls, const char *folder)
{
  CLEANUP_FREE char *ca = NULL, *revoked = NULL;

  if (asprintf (&ca, "%s/" CA_FILE, folder) == -1 ||
      asprintf (&revoked, "%s/" REVOCATION_FILE, folder) == -1)
    return out_of_memory ();
  if (check_file ("certificate authority", ca,
                  none_is_error (gnutls_certificate_set_x509_trust_file (
                      tls->certificates, ca, GNUTLS_X509_FMT_PEM))) == -1)
    return -1;
  if (access (revoked, F_OK) == -1 && errno == ENOENT)
    return 0;
  return check_file ("revocation list", revoked,
                     none_is_error (gnutls_certificate_set_x509_crl_file (
                         tls->certificates, revoked, GNUTLS_X509_FMT_PEM)));
}

static int
load_certificates (struct tls *tls, const char *folder)
{
  CLEANUP_FREE char *certificate = NULL, *key = NULL;

  if (gnutls_certificate_allocate_credentials (&tls->certificates) < 0 ||
      asprintf (&certificate, "%s/" CERTIFICATE_FILE, folder) == -1 ||
      asprintf (&key, "%s/" KEY_FILE, folder) == -1)
    return out_of_memory ();
  if (access (key, R_OK) == -1) {
    message ("private key '%s': %s", key, strerror (errno));
    return -1;
  }
  if (check_file (
          "certificate", certificate,
          gnutls_certificate_set_x509_key_file (
              tls->certificates, certificate, key, GNUTLS_X509_FMT_PEM)) == -1)
    return -1;
  return tls->configuration->any_peer ? 0 : load_authority (tls, folder);
}

/* The file is read anew for each client: keys can come and go. */
static int
find_key_in_file (const struct tls_configuration *configuration,
                  const gnutls_datum_t *identity, gnutls_datum_t *key)
{
  CLEANUP_CLOSE int fd = configuration->errands
                             ? errands_open_keys (configuration->errands)
                             : open (configuration->psk, O_RDONLY | O_CLOEXEC);

  return fd == -1 ? -1 : keys_find (fd, identity, key);
}

/* gnutls's callback.  1: it goes on with a key of its own making, so that an
 * identity that is not known fails as a wrong key does. */
static int
find_key (gnutls_session_t session, const gnutls_datum_t *identity,
          gnutls_datum_t *key)
{
  const struct tls *tls = gnutls_session_get_ptr (session);

  return tls->tickets ? tickets_key (tls->tickets, identity, key)
                      : find_key_in_file (tls->configuration, identity, key);
}

static int
use_keys (struct tls *tls)
{
  const char *path = tls->configuration->psk;

  if (gnutls_psk_allocate_server_credentials (&tls->psk) < 0)
    return out_of_memory ();
  if (path && access (path, R_OK) == -1) {
    message ("file of pre-shared keys '%s': %s", path, strerror (errno));
    return -1;
  }
  gnutls_psk_set_server_credentials_function2 (tls->psk, find_key);
  return 0;
}

struct tls *
tls_new (const struct tls_configuration *configuration, struct tickets *tickets)
{
  struct tls *tls = calloc (1, sizeof *tls);
  int r;

  if (tls == NULL) {
    out_of_memory ();
    return NULL;
  }
  tls->configuration = configuration;
  tls->tickets = tickets;
  r = gnutls_priority_init (
      &tls->priority, configuration->psk || tickets ? PRIORITY_PSK : PRIORITY,
      NULL);
  if (r < 0)
    message ("TLS: %s", gnutls_strerror (r));
  if (r < 0 ||
      (configuration->certificates &&
       load_certificates (tls, configuration->certificates) == -1) ||
      ((configuration->psk || tickets) && use_keys (tls) == -1)) {
    tls_free (tls);
    return NULL;
  }
  return tls;
}

void
tls_free (struct tls *tls)
{
  if (tls == NULL)
    return;
  if (tls->certificates)
    gnutls_certificate_free_credentials (tls->certificates);
  if (tls->psk)
    gnutls_psk_free_server_credentials (tls->psk);
  if (tls->priority)
    gnutls_priority_deinit (tls->priority);
  free (tls);
}

static int
refuse (const char *why)
{
  message ("a client is refused: %s", why);
  return -1;
}

/* The subject in RFC 4514's form, such as 'CN=host,O=company'. */
static int
check_subject (const struct tls *tls, gnutls_session_t session)
{
  const struct names *patterns = &tls->configuration->subjects;
  const gnutls_datum_t *chain = gnutls_certificate_get_peers (session, NULL);
  gnutls_datum_t subject = { 0 };
  gnutls_x509_crt_t certificate;
  bool found = false;

  if (patterns->count == 0)
    return 0;
  if (chain == NULL || gnutls_x509_crt_init (&certificate) < 0)
    return refuse ("its certificate has no subject");
  if (gnutls_x509_crt_import (certificate, &chain[0], GNUTLS_X509_FMT_DER) >=
          0 &&
      gnutls_x509_crt_get_dn3 (certificate, &subject, 0) >= 0)
    for (size_t i = 0; i < patterns->count; i++)
      if (fnmatch (patterns->items[i], (char *) subject.data, 0) == 0)
        found = true;
  if (!found)
    message ("a client is refused: no --tls-subject matches '%s'",
             subject.data ? (char *) subject.data : "");
  gnutls_free (subject.data);
  gnutls_x509_crt_deinit (certificate);
  return found ? 0 : -1;
}

/* A client with a key of ours has proved who it is by the handshake. */
static int
check_peer (const struct tls *tls, gnutls_session_t session)
{
  gnutls_datum_t text = { 0 };
  unsigned status;

  if (gnutls_auth_client_get_type (session) == GNUTLS_CRD_PSK ||
      tls->configuration->any_peer)
    return 0;
  if (gnutls_certificate_verify_peers2 (session, &status) < 0)
    return refuse ("it has no certificate that can be verified");
  if (status == 0)
    return check_subject (tls, session);
  gnutls_certificate_verification_status_print (status, GNUTLS_CRT_X509, &text,
                                                0);
  refuse (text.data ? (char *) text.data : "its certificate is not trusted");
  gnutls_free (text.data);
  return -1;
}

static int
set_up (const struct tls *tls, gnutls_session_t session)
{
  int r = gnutls_priority_set (session, tls->priority);

  gnutls_session_set_ptr (session, (void *) tls);
  if (r >= 0 && tls->certificates)
    r = gnutls_credentials_set (session, GNUTLS_CRD_CERTIFICATE,
                                tls->certificates);
  if (r >= 0 && tls->psk)
    r = gnutls_credentials_set (session, GNUTLS_CRD_PSK, tls->psk);
  gnutls_certificate_server_set_request (session, tls->configuration->any_peer
                                                      ? GNUTLS_CERT_IGNORE
                                                      : GNUTLS_CERT_REQUIRE);
  return r;
}

int
tls_accept (struct tls *tls, struct stream *stream)
{
  gnutls_session_t session;
  int r;

  if (stream_has_unread (stream))
    return refuse ("it sent something between STARTTLS and its answer");
  if (gnutls_init (&session, GNUTLS_SERVER | GNUTLS_NO_SIGNAL) < 0)
    return out_of_memory ();
  r = set_up (tls, session);
  stream_set_tls (stream, session);
  while (r >= 0) {
    r = gnutls_handshake (session);
    if (r == GNUTLS_E_SUCCESS)
      return check_peer (tls, session);
    if (!gnutls_error_is_fatal (r) && !stream_is_over (stream))
      r = 0;
  }
  return refuse (gnutls_strerror (r));
}

bool
tls_key_identity (const struct stream *stream, gnutls_datum_t *identity)
{
  return gnutls_auth_client_get_type (stream->tls) == GNUTLS_CRD_PSK &&
         gnutls_psk_server_get_username2 (stream->tls, identity) == 0;
}
