# SPDX-License-Identifier: BSD-3-Clause

controller_libcontroller_la_SOURCES += \
	controller/formats/backup.c controller/formats/backup-disk.c \
	controller/formats/backup-format.c controller/formats/backup-network.c controller/formats/backup-reader.h \
	controller/formats/checkpoint.c controller/formats/formats.h \
	controller/formats/names.c controller/formats/names.h \
	controller/formats/utf8.c controller/formats/utf8.h \
	controller/formats/values.c controller/formats/values.h \
	controller/formats/xml-document.c controller/formats/xml-document.h \
	controller/formats/xml-read.c controller/formats/xml-read.h \
	controller/formats/xml-write.c controller/formats/xml-write.h
