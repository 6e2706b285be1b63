# SPDX-License-Identifier: BSD-3-Clause

TESTS += %D%/test-guest.sh
EXTRA_DIST += %D%/test-guest.sh %D%/guest.sh %D%/init %D%/console.py \
	%D%/prepare.sh %D%/demo.sh
