# SPDX-License-Identifier: BSD-3-Clause
# The QMP client, the disk inventory and the capture, against a real QEMU.

check_PROGRAMS += tests/capture/driver tests/capture/make-image
tests_capture_make_image_SOURCES = tests/capture/make-image.c
tests_capture_make_image_LDADD = controller/libcontroller.la
tests_capture_driver_SOURCES = \
	tests/capture/driver.c tests/capture/driver.h \
	tests/capture/driver-capture.c
tests_capture_driver_CFLAGS = $(AM_CFLAGS) $(JSON_C_CFLAGS)
tests_capture_driver_LDADD = controller/libcontroller.la $(JSON_C_LIBS)

capture_tests = \
	tests/capture/test-qmp.sh \
	tests/capture/test-disks.sh \
	tests/capture/test-capture.sh \
	tests/capture/test-capture-broken.sh \
	tests/capture/test-capture-buses.sh \
	tests/capture/test-capture-methods.sh \
	tests/capture/test-capture-rollback.sh \
	tests/capture/test-image.sh
TESTS += $(capture_tests)
EXTRA_DIST += $(capture_tests) tests/capture/test-capture-pause.sh \
	tests/capture/functions.sh tests/capture/capture.py tests/capture/dies-in-pause.py \
	tests/capture/broken.py tests/capture/buses.py tests/capture/contents.py tests/capture/inventory.py \
	tests/capture/qmp-client.py tests/capture/rollback.py
