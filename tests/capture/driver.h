/* SPDX-License-Identifier: BSD-3-Clause */
/* Between the two files of the test driver: its part for the capture. */

#ifndef PULLBACK_TESTS_CAPTURE_DRIVER_H
#define PULLBACK_TESTS_CAPTURE_DRIVER_H

#include "controller/qmp/qmp.h"

/* The member of a request as a text; NULL: it has none. */
const char *driver_text (json_object *request, const char *key);

/* The capture sees every event, as in the daemon. */
void driver_capture_event (const char *event, json_object *data);

int driver_inventory (struct qmp *qmp, json_object *request,
                      json_object **reply);
int driver_begin (struct qmp *qmp, json_object *request, json_object **reply);
int driver_broken (struct qmp *qmp, json_object *request, json_object **reply);
int driver_stop_exports (struct qmp *qmp, json_object *request,
                         json_object **reply);
int driver_end (struct qmp *qmp, json_object *request, json_object **reply);
int driver_free (struct qmp *qmp, json_object *request, json_object **reply);

#endif /* PULLBACK_TESTS_CAPTURE_DRIVER_H */
