# SPDX-License-Identifier: BSD-3-Clause

EXTRA_DIST += %D%/prepare.sh %D%/check.sh

# What depends on QEMU's version, again with QEMUs for which Pullback chooses
# other methods.
MATRIX_TESTS = $(filter tests/capture/% tests/end-to-end/% tests/push/% \
	tests/oracle/run-% tests/guest/%, $(TESTS)) $(MATRIX_ONLY_TESTS)
MATRIX_ONLY_TESTS = \
	tests/capture/test-capture-pause.sh tests/oracle/run-methods.sh tests/oracle/run-changes-only.sh \
	tests/oracle/run-reclaim.sh

.PHONY: check-matrix
check-matrix: all $(check_PROGRAMS)
	@srcdir='$(abs_top_srcdir)' builddir='$(abs_top_builddir)' \
	  '$(srcdir)/tests/matrix/check.sh' $(MATRIX_TESTS)

clean-local:
	rm -rf tests/matrix/results
