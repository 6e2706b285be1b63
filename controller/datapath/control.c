/* SPDX-License-Identifier: BSD-3-Clause */
/* One exchange on the relay's control channel: a line there, a line back. There
 * can be a key in it, which is erased. */

#include <config.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/datapath/control.h"
#include "controller/datapath/listener.h"

#define SECONDS_TO_ANSWER 20
#define SLICE             50 /* milliseconds, after which *gone is looked at */

/* An error's text, or some numbers. */
#define MAX_ANSWER 4096

/* Spaces separate words, and '%' begins a byte that is written as digits. */
static void
put_word (FILE *file, const char *word)
{
  for (; *word; word++) {
    const unsigned char byte = *word;

    if (byte <= ' ' || byte == '%' || byte == 127)
      fprintf (file, "%%%02X", byte);
    else
      putc (byte, file);
  }
}

/* The size includes what is to be erased. */
static char *
make_line (const char *const *words, size_t *size)
{
  char *line = NULL;
  FILE *file;
  size_t room = 2;

  for (size_t i = 0; words[i]; i++)
    room += 3 * strlen (words[i]) + 1;
  /* Not a stream that grows: that would leave copies behind. */
  line = malloc (room);
  file = line ? fmemopen (line, room, "w") : NULL;
  if (file == NULL) {
    free (line);
    fail_errno (ERROR_SYSTEM, "the relay's control channel");
    return NULL;
  }
  setvbuf (file, NULL, _IONBF, 0);
  for (size_t i = 0; words[i]; i++) {
    if (i > 0)
      putc (' ', file);
    put_word (file, words[i]);
  }
  putc ('\n', file);
  fclose (file);
  *size = room;
  return line;
}

static int
send_line (int fd, const char *line)
{
  size_t left = strlen (line);
  ssize_t r;

  for (; left > 0; line += r, left -= r) {
    r = send (fd, line, left, MSG_NOSIGNAL);
    if (r == -1 && errno == EINTR)
      r = 0;
    else if (r <= 0)
      return -1;
  }
  return 0;
}

/* Until the relay has sent something.  -1: errno. */
static int
wait_for_answer (int fd, const atomic_bool *gone)
{
  struct pollfd relay = { .fd = fd, .events = POLLIN };

  for (int waited = 0; waited < SECONDS_TO_ANSWER * 1000; waited += SLICE) {
    if (poll (&relay, 1, SLICE) == 1)
      return 0;
    if (*gone)
      break;
  }
  errno = *gone ? ECONNREFUSED : ETIMEDOUT;
  return -1;
}

/* Without its end. */
static int
receive_line (int fd, const atomic_bool *gone, char line[MAX_ANSWER])
{
  size_t length = 0;
  ssize_t r;

  do {
    if (length == MAX_ANSWER - 1) {
      errno = EMSGSIZE;
      return -1;
    }
    if (wait_for_answer (fd, gone) == -1)
      return -1;
    r = recv (fd, line + length, MAX_ANSWER - 1 - length, 0);
    if (r == 0)
      errno = ECONNRESET;
    if (r <= 0)
      return -1;
    length += r;
  } while (line[length - 1] != '\n');
  line[length - 1] = '\0';
  return 0;
}

static int
understand (const char *line, char **answer)
{
  const char *rest = line + 2;

  if (strncmp (line, "error ", 6) == 0)
    return fail (ERROR_CONFLICT, "the relay refuses: %s", line + 6);
  if (strncmp (line, "ok", 2) != 0 || (*rest && *rest != ' '))
    return fail (ERROR_SYSTEM, "the relay answers '%s'", line);
  if (answer == NULL)
    return 0;
  *answer = strdup (*rest ? rest + 1 : rest);
  return *answer ? 0 : fail_errno (ERROR_SYSTEM, "the relay's answer");
}

int
control_say (const char *path, const atomic_bool *gone,
             const char *const *words, char **answer)
{
  CLEANUP_CLOSE int fd = connect_unix (path);
  CLEANUP_FREE char *line = NULL;
  char reply[MAX_ANSWER];
  size_t size;
  int r;

  if (fd == -1)
    return fail_errno (ERROR_SYSTEM, "the relay's control channel '%s'", path);
  line = make_line (words, &size);
  if (line == NULL)
    return -1;
  r = send_line (fd, line) == -1 ? -1 : receive_line (fd, gone, reply);
  explicit_bzero (line, size);
  if (r == -1)
    return fail_errno (ERROR_SYSTEM, "the relay does not answer");
  return understand (reply, answer);
}
