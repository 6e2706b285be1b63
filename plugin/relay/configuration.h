/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line. */

#ifndef PULLBACK_CONFIGURATION_H
#define PULLBACK_CONFIGURATION_H

#include "plugin/relay/relay.h"

/* Exits after --help and --version.  -1: reported. */
int configuration_parse (struct configuration *configuration, int argc,
                         char *argv[]);
void configuration_free (struct configuration *configuration);

#endif /* PULLBACK_CONFIGURATION_H */
