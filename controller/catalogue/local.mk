# SPDX-License-Identifier: BSD-3-Clause

controller_libcontroller_la_SOURCES += \
	controller/catalogue/catalogue.h \
	controller/catalogue/checkpoints.c \
	controller/catalogue/domain-record.c \
	controller/catalogue/domain-record.h \
	controller/catalogue/domains.c \
	controller/catalogue/file.c \
	controller/catalogue/folder.c controller/catalogue/folder.h \
	controller/catalogue/order.c controller/catalogue/order.h \
	controller/catalogue/paths.c controller/catalogue/paths.h \
	controller/catalogue/doomed.c \
	controller/catalogue/removal.c \
	controller/catalogue/unknown.h
