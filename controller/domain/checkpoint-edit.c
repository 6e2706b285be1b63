/* SPDX-License-Identifier: BSD-3-Clause */
/* The operation that edits a checkpoint: of all that its document says, only
 * the description can change. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/domain/checkpoint-redefine.h"
#include "controller/domain/json.h"

static bool
same_text (const char *left, const char *right)
{
  return left && right ? strcmp (left, right) == 0 : left == right;
}

/* Left out of a document is not changed, where a document need not have it. */
static bool
same_if_said (const char *said, const char *known)
{
  return said == NULL || same_text (said, known);
}

/* What of it differs and must not; NULL: nothing. */
static const char *
forbidden_change (const struct checkpoint *known,
                  const struct checkpoint *edited)
{
  if (!same_text (known->name, edited->name))
    return "name";
  if (!same_text (known->parent, edited->parent))
    return "parent";
  if (known->creation_time != edited->creation_time)
    return "creationTime";
  if (!same_if_said (edited->domain_name, known->domain_name) ||
      !same_if_said (edited->domain_uuid, known->domain_uuid))
    return "domain";
  if (!same_if_said (edited->generation, known->generation))
    return "generation";
  return checkpoint_same_disks (known, edited) ? NULL : "disks";
}

int
operation_checkpoint_edit (struct service *service,
                           const struct operation_request *request,
                           json_object **reply)
{
  CLEANUP_DOMAIN_ENTRY struct domain_entry *entry =
      service_lock_domain (service, request->domain);
  CLEANUP_CHECKPOINT struct checkpoint *known = NULL;
  CLEANUP_CHECKPOINT struct checkpoint *edited = NULL;
  const char *xml, *forbidden;

  if (entry == NULL || json_get_text (request->body, "xml", &xml) == -1)
    return -1;
  if (xml == NULL)
    return fail (ERROR_INVALID, "an edited checkpoint needs its 'xml'");
  known = catalogue_checkpoint (service->state, request->domain,
                                request->checkpoint);
  edited = known ? checkpoint_parse (xml, strlen (xml)) : NULL;
  if (edited == NULL)
    return -1;
  forbidden = forbidden_change (known, edited);
  if (forbidden)
    return fail (ERROR_UNSUPPORTED,
                 "the <%s> of checkpoint '%s' cannot be edited, only its "
                 "<description>",
                 forbidden, known->name);
  free (known->description);
  known->description = STEAL (edited->description);
  if (catalogue_replace_checkpoint (service->state, request->domain, known) ==
      -1)
    return -1;
  *reply = json_object_new_object ();
  json_add_text (*reply, "name", known->name);
  return 0;
}
