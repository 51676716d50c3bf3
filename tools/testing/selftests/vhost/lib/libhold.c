// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "libhold.h"

int hold_open(struct hold *h)
{
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct uffdio_api api = { .api = UFFD_API };

	h->uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (h->uffd < 0)
		return -errno;
	h->page = mmap(NULL, HOLD_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);
	if (h->page == MAP_FAILED)
		return -errno;
	reg.range.start = (uintptr_t)h->page;
	reg.range.len = HOLD_SIZE;
	if (ioctl(h->uffd, UFFDIO_API, &api) || ioctl(h->uffd, UFFDIO_REGISTER, &reg))
		return -errno;
	return 0;
}

void hold_close(struct hold *h)
{
	close(h->uffd);
	munmap(h->page, HOLD_SIZE);
}

int hold_add(struct hold *h, struct vmm *v)
{
	return mem_table_add(&v->mem, HOLD_GPA, h->page, HOLD_SIZE);
}

int hold_met(struct hold *h, unsigned int timeout_ms)
{
	struct pollfd p = { .fd = h->uffd, .events = POLLIN };
	struct uffd_msg msg;

	if (poll(&p, 1, timeout_ms) != 1)
		return -ETIMEDOUT;
	return read(h->uffd, &msg, sizeof(msg)) == sizeof(msg) ? 0 : -EIO;
}

int hold_release(struct hold *h, const void *content, size_t len)
{
	static char page[HOLD_SIZE] __attribute__((aligned(HOLD_SIZE)));
	struct uffdio_copy copy = {
		.dst = (uintptr_t)h->page,
		.src = (uintptr_t)page,
		.len = HOLD_SIZE,
	};

	memset(page, 0, sizeof(page));
	memcpy(page, content, len);
	return ioctl(h->uffd, UFFDIO_COPY, &copy) ? -errno : 0;
}

int hold_tx(struct hold *h, struct vmm *v, size_t len)
{
	int ret = drv_ring_add1(&v->vq[VQ_TX].ring, HOLD_GPA, v->hdr_len + len, false, h);

	if (ret < 0)
		return ret;
	vmm_kick(v, VQ_TX);
	return hold_met(h, VMM_TIMEOUT_MS);
}
