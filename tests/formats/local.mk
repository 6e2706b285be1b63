# SPDX-License-Identifier: BSD-3-Clause

noinst_PROGRAMS += tests/formats/format-document
tests_formats_format_document_SOURCES = tests/formats/format-document.c
tests_formats_format_document_LDADD = controller/libcontroller.la

noinst_HEADERS += tests/formats/check.h
EXTRA_DIST += tests/formats/corpus tests/formats/test-documents.sh

check_PROGRAMS += \
	tests/formats/test-catalogue \
	tests/formats/test-formats \
	tests/formats/test-names
TESTS += \
	tests/formats/test-catalogue \
	tests/formats/test-documents.sh \
	tests/formats/test-formats \
	tests/formats/test-names

tests_formats_test_catalogue_SOURCES = tests/formats/test-catalogue.c
tests_formats_test_catalogue_LDADD = controller/libcontroller.la

tests_formats_test_formats_SOURCES = tests/formats/test-formats.c
tests_formats_test_formats_LDADD = controller/libcontroller.la

tests_formats_test_names_SOURCES = tests/formats/test-names.c
tests_formats_test_names_LDADD = controller/libcontroller.la
