/* SPDX-License-Identifier: BSD-3-Clause */
/* Shows a document, or what an XPath expression finds in it, as virsh does. */

#ifndef PULLBACK_CLI_XPATH_H
#define PULLBACK_CLI_XPATH_H

#include "controller/cli/verb.h"

/* A verb's parameters for show_document. */
#define XPATH_PARAMETERS                                                       \
  { OPTION, "xpath", "EXPRESSION", "only the nodes that it finds" },           \
  {                                                                            \
    FLAG, "wrap", NULL, "with --xpath: as one document, in <nodes>"            \
  }

/* Before the daemon is asked.  -1: reported. */
int check_xpath_options (const struct invocation *invocation);

/* To standard output.  -1: reported. */
int show_document (const struct invocation *invocation, const char *xml);

#endif /* PULLBACK_CLI_XPATH_H */
