/* SPDX-License-Identifier: BSD-3-Clause */
/* How pullback-broker is started and talked to: its descriptors from 3 on. */

#ifndef PULLBACK_BROKER_H
#define PULLBACK_BROKER_H

enum broker_listener {
  /* Who connects here gets one byte with a connection to QEMU; where that
   * cannot be made it is closed without. */
  BROKER_CONNECTIONS,
  /* Who connects here gets one byte with all of these listening sockets, in
   * their order. */
  BROKER_LISTENERS,
  /* Those that it only holds: the plugin's and the relay's. */
  BROKER_HELD,
  BROKER_MAX_LISTENERS = BROKER_HELD + 3,
};

#endif /* PULLBACK_BROKER_H */
