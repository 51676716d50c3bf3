// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device IOTLB over time: rings that move, the feature that comes and goes,
 * more mappings than there may be, batches.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "libiommu.h"
#include "test.h"

#define PAGE		IOMMU_PAGE
#define FAR_IOVA	UINT64_C(0x700000000000)	/* no memory of the guest is there */

FIXTURE(iotlb_state) {
	struct iommu m;
	struct vmm *v;
};

FIXTURE_SETUP(iotlb_state)
{
	self->v = &self->m.v;
	vmm_init(self->v);
	ASSERT_EQ(0, net_ns_enter());
	ASSERT_EQ(0, iommu_up(&self->m, &(struct iommu_config){ .features = F_VERSION_1 }));
	ASSERT_EQ(0, iommu_map_all(&self->m));
	ASSERT_EQ(0, iommu_start(&self->m));
	ASSERT_EQ(0, vmm_traffic_check(self->v));
}

FIXTURE_TEARDOWN(iotlb_state)
{
	iommu_close(&self->m);
}

static int update(struct iommu *m, uint64_t iova, uint64_t size, const void *uaddr)
{
	return iotlb_send(m->v.fd, m->v2, VHOST_IOTLB_UPDATE, iova, size, (uintptr_t)uaddr,
			  VHOST_ACCESS_RW);
}

/* Nothing is asked for. */
static bool quiet(struct iommu *m)
{
	struct vhost_iotlb_msg miss;
	int ret = iotlb_recv(m->v.fd, m->v2, &miss, VMM_QUIET_MS);

	if (!ret)
		printf("# type %u for %#llx\n", miss.type, (unsigned long long)miss.iova);
	return ret == -ETIMEDOUT;
}

/* The next thing that is asked for: 0 if it is a miss in these size bytes. */
static int missed(struct iommu *m, uint64_t iova, uint64_t size)
{
	struct vhost_iotlb_msg miss;
	int ret = iotlb_recv(m->v.fd, m->v2, &miss, VMM_TIMEOUT_MS);

	if (ret)
		return ret;
	if (miss.type != VHOST_IOTLB_MISS || miss.iova - iova >= size) {
		printf("# type %u for %#llx\n", miss.type, (unsigned long long)miss.iova);
		return -EPROTO;
	}
	return 0;
}

static int send_one(struct vmm *v, uint64_t gpa, size_t len)
{
	int ret = drv_ring_add1(&v->vq[VQ_TX].ring, gpa, v->hdr_len + len, false, NULL);

	if (ret < 0)
		return ret;
	vmm_kick(v, VQ_TX);
	return 0;
}

/* What was sent came out as a frame of this seed, and the buffer back. */
static int sent(struct vmm *v, size_t len, uint32_t seed)
{
	char frame[2048];
	struct drv_done done;
	int ret;

	ret = net_peer_recv(&v->net, frame, sizeof(frame), VMM_TIMEOUT_MS);
	if (ret < 0)
		return ret;
	if ((size_t)ret != len || net_frame_check(frame, len, seed, NULL))
		return -EBADMSG;
	ret = drv_ring_wait(&v->vq[VQ_TX].ring, &done, VMM_TIMEOUT_MS);
	return ret < 0 ? ret : 0;
}

/* ---- rings that move ---- */

/* One area of a live queue, at addresses that mean nothing: no old address will do. */
static int move_area(struct iommu *m, __u64 *area)
{
	struct vmm *v = &m->v;
	struct vhost_vring_addr *a = &v->vq[VQ_TX].addr;
	uint64_t old = *area, page = FAR_IOVA | (old & (PAGE - 1));
	uint16_t used = drv_split_used_idx(&v->vq[VQ_TX].ring);
	int ret;

	*area = page;
	ret = vhost_set_vring_addr(v->fd, a);
	if (!ret)
		ret = vmm_tx_send(v, v->scratch, 500, 1);
	event_signal(v->vq[VQ_TX].kick);
	if (!ret)
		ret = missed(m, FAR_IOVA, 2 * PAGE);
	if (!ret && (drv_split_used_idx(&v->vq[VQ_TX].ring) != used ||
		     net_peer_recv(&v->net, &ret, sizeof(ret), 20) != -ETIMEDOUT))
		ret = -EBADMSG;
	/* The very same memory there: it goes on. */
	if (!ret)
		ret = update(m, FAR_IOVA, PAGE, iommu_hva(m, old & ~(PAGE - 1)));
	if (!ret)
		ret = sent(v, 500, 1);
	*area = old;
	if (!ret)
		ret = vhost_set_vring_addr(v->fd, a);
	if (!ret)
		ret = iommu_unmap(m, FAR_IOVA, PAGE);
	return ret ? ret : vmm_traffic_check(v);
}

TEST_F(iotlb_state, fault_001_ring_moves_while_live)
{
	struct vhost_vring_addr *a = &self->v->vq[VQ_TX].addr;

	EXPECT_EQ(0, move_area(&self->m, &a->desc_user_addr));
	EXPECT_EQ(0, move_area(&self->m, &a->avail_user_addr));
	EXPECT_EQ(0, move_area(&self->m, &a->used_user_addr));
	EXPECT_FALSE(vmm_ring_error(self->v, VQ_TX, 0));
}

/* The area begins in what is mapped and ends outside. */
TEST_F(iotlb_state, fault_001_ring_ends_outside)
{
	struct vmm *v = self->v;
	struct vhost_vring_addr *a = &v->vq[VQ_TX].addr;
	uint64_t end = self->m.iova + self->m.pages * PAGE;
	char *last = v->ram + v->ram_size - PAGE, copy[PAGE];
	uint16_t used = drv_split_used_idx(&v->vq[VQ_TX].ring);

	memset(last, 0x3c, PAGE);
	memcpy(copy, last, PAGE);
	a->used_user_addr = end - 64;
	ASSERT_EQ(0, vhost_set_vring_addr(v->fd, a));
	ASSERT_EQ(0, vmm_tx_send(v, v->scratch, 500, 1));
	event_signal(v->vq[VQ_TX].kick);
	EXPECT_EQ(0, missed(&self->m, end, PAGE));
	nap_us(20000);
	EXPECT_EQ(used, drv_split_used_idx(&v->vq[VQ_TX].ring));
	EXPECT_EQ(0, memcmp(copy, last, PAGE));
}

/*
 * The index of the available ring, half of it mapped; then the other half too, by a
 * mapping of its own. Whether it can be read in two halves or not, never wrong.
 */
TEST_F(iotlb_state, fault_072_mapping_ends_within_the_index)
{
	struct iommu *m = &self->m;
	struct vmm *v = self->v;
	uint64_t avail = v->vq[VQ_TX].addr.avail_user_addr;

	ASSERT_EQ(0, iommu_unmap(m, avail, PAGE));
	ASSERT_EQ(0, update(m, avail, 3, iommu_hva(m, avail)));
	ASSERT_EQ(0, vmm_tx_send(v, v->scratch, 500, 1));
	event_signal(v->vq[VQ_TX].kick);
	EXPECT_EQ(0, missed(m, avail + 3, 1));
	ASSERT_EQ(0, update(m, avail + 3, PAGE - 3, iommu_hva(m, avail + 3)));
	if (vmm_ring_error(v, VQ_TX, 2 * VMM_QUIET_MS)) {
		EXPECT_EQ(0, net_peer_drain(&v->net));
		ASSERT_EQ(0, iommu_unmap(m, avail, PAGE));
		ASSERT_EQ(0, iommu_map_all(m));
		ASSERT_LE(0, vmm_stop(v, VQ_TX));
		ASSERT_EQ(0, vmm_start(v, VQ_TX));
	}
	EXPECT_EQ(0, sent(v, 500, 1));
	EXPECT_EQ(0, vmm_traffic_check(v));
}

/* ---- the feature comes and goes ---- */

/* Rings and buffers under guest physical addresses, or back under IOVAs. */
static int speak(struct iommu *m, bool iova)
{
	struct vmm *v = &m->v;
	unsigned int i;
	int ret;

	v->iommu = iova;
	mem_table_clear(&v->mem);
	ret = mem_table_add(&v->mem, iova ? m->iova : IOMMU_GPA, v->ram, v->ram_size);
	for (i = 0; !ret && i < VMM_NVQS; i++) {
		struct drv_ring *r = &v->vq[i].ring;
		struct vhost_vring_addr *a = &v->vq[i].addr;

		a->desc_user_addr = iova ? vmm_gpa(v, r->at.desc) : (uintptr_t)r->at.desc;
		a->avail_user_addr = iova ? vmm_gpa(v, r->at.driver) : (uintptr_t)r->at.driver;
		a->used_user_addr = iova ? vmm_gpa(v, r->at.device) : (uintptr_t)r->at.device;
	}
	return ret;
}

static int tell_addresses(struct vmm *v)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < VMM_NVQS; i++)
		ret = vhost_set_vring_addr(v->fd, &v->vq[i].addr);
	for (i = 0; !ret && i < VMM_NVQS; i++)
		event_signal(v->vq[i].kick);
	return ret;
}

/* Kicked with a frame to send, the device does nothing at all. */
static int idle(struct iommu *m)
{
	struct vmm *v = &m->v;
	uint16_t used = drv_split_used_idx(&v->vq[VQ_TX].ring);
	char frame[64];
	int ret = vmm_tx_send(v, v->scratch, 600, 2);

	if (ret)
		return ret;
	event_signal(v->vq[VQ_TX].kick);
	event_signal(v->vq[VQ_RX].kick);
	ret = net_peer_recv(&v->net, frame, sizeof(frame), VMM_QUIET_MS);
	if (ret != -ETIMEDOUT || drv_split_used_idx(&v->vq[VQ_TX].ring) != used)
		return -EBADMSG;
	return 0;
}

TEST_F(iotlb_state, fault_002_feature_off_while_live)
{
	struct vmm *v = self->v;
	union iotlb_wire w;

	ASSERT_EQ(0, vhost_set_features(v->fd, F_VERSION_1));
	/* IOVAs that nobody could say whether they are user addresses. */
	ASSERT_EQ(0, speak(&self->m, false));
	EXPECT_EQ(0, idle(&self->m));
	EXPECT_GT(0, read(v->fd, &w, sizeof(w)));
	ASSERT_EQ(0, tell_addresses(v));
	EXPECT_EQ(0, sent(v, 600, 2));
	EXPECT_EQ(0, vmm_traffic_check(v));
	EXPECT_FALSE(vmm_ring_error(v, VQ_TX, 0));
}

TEST_F(iotlb_state, fault_002_feature_on_while_live)
{
	struct vmm *v = self->v;

	ASSERT_EQ(0, vhost_set_features(v->fd, F_VERSION_1));
	ASSERT_EQ(0, speak(&self->m, false));
	ASSERT_EQ(0, tell_addresses(v));
	ASSERT_EQ(0, vmm_traffic_check(v));

	/* User addresses are no IOVAs, and nothing may be asked for in their name. */
	ASSERT_EQ(0, vhost_set_features(v->fd, F_VERSION_1 | F_ACCESS_PLATFORM));
	ASSERT_EQ(0, speak(&self->m, true));
	EXPECT_EQ(0, idle(&self->m));
	EXPECT_TRUE(quiet(&self->m));
	ASSERT_EQ(0, tell_addresses(v));
	ASSERT_EQ(0, iommu_serve(&self->m));
	EXPECT_EQ(0, sent(v, 600, 2));
	EXPECT_EQ(0, vmm_traffic_check(v));
	EXPECT_EQ(0, self->m.strays) TH_LOG("%#llx", (long long)self->m.stray);
}

/* Any address is taken for an IOVA; none of them may become a user address. */
TEST_F(iotlb_state, fault_002_kernel_addresses_never_used)
{
	struct vmm *v = self->v;
	struct vhost_vring_addr a = v->vq[VQ_TX].addr;
	struct vhost_iotlb_msg miss;
	char frame[64];
	int ret;

	ASSERT_LE(0, vmm_stop(v, VQ_TX));
	a.desc_user_addr = KERNEL_ADDR;
	a.avail_user_addr = KERNEL_ADDR + PAGE;
	a.used_user_addr = KERNEL_ADDR + 2 * PAGE;
	ASSERT_EQ(0, vhost_set_vring_addr(v->fd, &a));
	ASSERT_EQ(0, vhost_set_features(v->fd, F_VERSION_1));
	ret = vmm_start(v, VQ_TX);
	EXPECT_TRUE(ret == 0 || ret == -EFAULT) TH_LOG("%d", ret);
	event_signal(v->vq[VQ_TX].kick);
	EXPECT_EQ(-ETIMEDOUT, net_peer_recv(&v->net, frame, sizeof(frame), VMM_QUIET_MS));
	EXPECT_EQ(-EFAULT, vhost_set_vring_addr(v->fd, &a) ?: vmm_start(v, VQ_TX));
	EXPECT_GT(0, iotlb_recv(v->fd, true, &miss, 0));
	ASSERT_EQ(0, speak(&self->m, false));
	ASSERT_EQ(0, tell_addresses(v));
	ASSERT_EQ(0, vmm_start(v, VQ_TX));
	EXPECT_EQ(0, vmm_traffic_check(v));
}

/* Features again, as QEMU sends them when logging begins: nothing gets lost. */
TEST_F(iotlb_state, features_again)
{
	struct vmm *v = self->v;

	ASSERT_EQ(0, iommu_serve(&self->m));
	ASSERT_EQ(0, vhost_set_features(v->fd, F_VERSION_1 | F_ACCESS_PLATFORM));
	EXPECT_EQ(0, vmm_traffic_check(v));
	ASSERT_EQ(0, vhost_set_features(v->fd, F_VERSION_1 | F_ACCESS_PLATFORM | F_INDIRECT));
	EXPECT_EQ(0, vmm_traffic_check(v));
	EXPECT_EQ(0, self->m.strays);
}

/* Nothing of the first life is left in the second. */
TEST_F(iotlb_state, mappings_end_with_the_feature)
{
	struct vmm *v = self->v;

	ASSERT_EQ(0, vhost_set_features(v->fd, F_VERSION_1));
	ASSERT_EQ(0, vhost_set_features(v->fd, F_VERSION_1 | F_ACCESS_PLATFORM));
	ASSERT_EQ(0, tell_addresses(v));
	event_signal(v->vq[VQ_TX].kick);
	EXPECT_EQ(0, missed(&self->m, self->m.iova, self->m.pages * PAGE));
	ASSERT_EQ(0, iommu_serve(&self->m));
	ASSERT_EQ(0, iommu_map_all(&self->m));
	EXPECT_EQ(0, vmm_traffic_check(v));
}

/* The memory table is another matter: it may be empty. */
TEST_F(iotlb_state, memory_table_is_not_asked)
{
	struct mem_table none;

	ASSERT_EQ(0, mem_table_init(&none));
	ASSERT_EQ(0, mem_table_set(&none, self->v->fd));
	EXPECT_EQ(0, vmm_traffic_check(self->v));
	mem_table_free(&none);
}

/* ---- more mappings than there may be ---- */

static long meminfo_kb(const char *what)
{
	char line[128], format[64];
	FILE *f = fopen("/proc/meminfo", "re");
	long kb = -1;

	snprintf(format, sizeof(format), "%s: %%ld", what);
	while (f && fgets(line, sizeof(line), f))
		sscanf(line, format, &kb);
	if (f)
		fclose(f);
	return kb;
}

static int flood(struct iommu *m, uint64_t iova, unsigned long n)
{
	unsigned long i;
	int ret = 0;

	for (i = 0; !ret && i < n; i++)
		ret = update(m, iova + 2 * i * PAGE, PAGE, m->page[0]);
	return ret;
}

/* It is a cache: what must give way is the oldest, and no more is kept. */
TEST_F(iotlb_state, fault_061_limit)
{
	long limit = proc_param("vhost", "max_iotlb_entries"), before;
	struct iommu *m = &self->m;
	struct vmm *v = self->v;

	ASSERT_LT(1, limit);
	ASSERT_EQ(0, flood(m, FAR_IOVA, limit));
	before = meminfo_kb("SUnreclaim");
	ASSERT_LT(0, before);
	EXPECT_EQ(0, flood(m, FAR_IOVA + 2 * limit * PAGE, 8 * limit));
	/* What is freed stays with KASAN for a while. */
	if (!strstr(getenv("RINGSIDE_KERNEL") ?: "", "kasan"))
		EXPECT_GT(before + 512, meminfo_kb("SUnreclaim"));
	/* The last one is there, the buffers are not, and can be had again. */
	net_frame_fill(m->v.ram + v->hdr_len, 100, 77);
	memset(m->v.ram, 0, v->hdr_len);
	ASSERT_EQ(0, send_one(v, FAR_IOVA + 2 * (9 * limit - 1) * PAGE, 100));
	ASSERT_EQ(0, iommu_serve(m));
	EXPECT_EQ(0, sent(v, 100, 77));
	EXPECT_EQ(0, vmm_traffic_check(v));
	EXPECT_EQ(0, m->strays) TH_LOG("%#llx", (long long)m->stray);
}

/* Mappings that rings lie in stay, old as they may be. */
TEST_F(iotlb_state, fault_061_rings_never_give_way)
{
	long limit = proc_param("vhost", "max_iotlb_entries");
	struct iommu *m = &self->m;
	struct vmm *v = self->v;
	uint64_t iova = vmm_gpa(v, v->scratch);

	ASSERT_LT(1, limit);
	ASSERT_EQ(0, flood(m, FAR_IOVA, 3 * limit));
	ASSERT_EQ(0, vmm_tx_send(v, v->scratch, 500, 1));
	event_signal(v->vq[VQ_TX].kick);
	/* The first that is missed is the buffer. */
	EXPECT_EQ(0, missed(m, iova, PAGE));
	ASSERT_EQ(0, iommu_map(m, iommu_page_of(m, v->scratch), 1));
	EXPECT_EQ(0, sent(v, 500, 1));
	EXPECT_EQ(0, vmm_rx_check(v, 500, 2));
	EXPECT_TRUE(quiet(m));
}

/* ---- batches ---- */

FIXTURE(iotlb_batch) {
	struct iommu m;
	struct vmm *v;
};

FIXTURE_SETUP(iotlb_batch)
{
	uint64_t offered;

	self->v = &self->m.v;
	vmm_init(self->v);
	ASSERT_EQ(0, net_ns_enter());
	ASSERT_EQ(0, iommu_up(&self->m, &(struct iommu_config){ .features = F_VERSION_1 }));
	ASSERT_EQ(0, vhost_get_backend_features(self->v->fd, &offered));
	ASSERT_NE(0, offered & BACKEND_F_IOTLB_BATCH);
	ASSERT_EQ(0, vhost_set_backend_features(self->v->fd, BACKEND_F_IOTLB_MSG_V2 |
						BACKEND_F_IOTLB_BATCH));
	ASSERT_EQ(0, iommu_map_all(&self->m));
	ASSERT_EQ(0, iommu_start(&self->m));
	ASSERT_EQ(0, vmm_traffic_check(self->v));
}

FIXTURE_TEARDOWN(iotlb_batch)
{
	iommu_close(&self->m);
}

static int batch(struct iommu *m, uint8_t type)
{
	return iotlb_send(m->v.fd, m->v2, type, 0, 0, 0, 0);
}

TEST_F(iotlb_batch, nothing_before_the_end)
{
	struct iommu *m = &self->m;
	struct vmm *v = self->v;
	uint64_t iova = vmm_gpa(v, v->scratch);

	ASSERT_EQ(0, batch(m, VHOST_IOTLB_BATCH_BEGIN));
	ASSERT_EQ(0, iommu_unmap(m, 0, UINT64_MAX));
	EXPECT_EQ(0, vmm_traffic_check(v));
	EXPECT_TRUE(quiet(m));
	ASSERT_EQ(0, batch(m, VHOST_IOTLB_BATCH_END));
	ASSERT_EQ(0, iommu_serve(m));
	EXPECT_EQ(0, vmm_traffic_check(v));
	EXPECT_LT(0, m->misses);
	iommu_serve_end(m);

	/* An addition, the other way about. */
	ASSERT_EQ(0, batch(m, VHOST_IOTLB_BATCH_BEGIN));
	ASSERT_EQ(0, update(m, FAR_IOVA, PAGE, iommu_hva(m, iova)));
	memset(v->scratch, 0, v->hdr_len);
	net_frame_fill(v->scratch + v->hdr_len, 300, 5);
	ASSERT_EQ(0, send_one(v, FAR_IOVA, 300));
	EXPECT_EQ(0, missed(m, FAR_IOVA, PAGE));
	EXPECT_TRUE(quiet(m));
	ASSERT_EQ(0, batch(m, VHOST_IOTLB_BATCH_END));
	/* That was the answer. */
	EXPECT_EQ(0, sent(v, 300, 5));
}

/* All memory elsewhere in user memory by one batch, over and over: nobody notices. */
struct mover {
	struct iommu *m;
	volatile bool stop;
	unsigned int rounds;
	int error;
};

static int move_all(struct iommu *m, char **old)
{
	size_t i;
	int ret;

	for (i = 0; i < m->pages; i++)
		old[i] = iommu_move_page(m, i);
	ret = batch(m, VHOST_IOTLB_BATCH_BEGIN);
	if (!ret)
		ret = iommu_unmap(m, 0, UINT64_MAX);
	if (!ret)
		ret = iommu_map_all(m);
	if (!ret)
		ret = batch(m, VHOST_IOTLB_BATCH_END);
	for (i = 0; !ret && i < m->pages; i++)
		munmap(old[i], PAGE);
	return ret;
}

static void *move_thread(void *arg)
{
	char *old[256];
	struct mover *t = arg;

	while (!t->stop && !t->error) {
		t->error = t->m->pages > ARRAY_LEN(old) ? -EINVAL : move_all(t->m, old);
		t->rounds++;
	}
	return NULL;
}

TEST_F_TIMEOUT(iotlb_batch, switch_under_traffic, STRESS_TIMEOUT)
{
	uint64_t end = now_ms() + stress_ms(2000);
	struct mover t = { .m = &self->m };
	unsigned int n = 0;
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, move_thread, &t));
	while (now_ms() < end || t.rounds < MIN_ROUNDS) {
		ASSERT_EQ(0, vmm_tx_check(self->v, 1400, n)) TH_LOG("round %u", n);
		ASSERT_EQ(0, vmm_rx_check(self->v, 1400, n)) TH_LOG("round %u", n);
		n++;
	}
	t.stop = true;
	pthread_join(thread, NULL);
	EXPECT_EQ(0, t.error);
	EXPECT_TRUE(quiet(&self->m));
	EXPECT_FALSE(vmm_ring_error(self->v, VQ_TX, 0));
	EXPECT_FALSE(vmm_ring_error(self->v, VQ_RX, 0));
	TH_LOG("%u rounds of traffic, %u switches", n, t.rounds);
}

/* A batch that is never ended, by reset and by close. */
TEST_F(iotlb_batch, never_ended)
{
	struct iommu *m = &self->m;

	ASSERT_EQ(0, batch(m, VHOST_IOTLB_BATCH_BEGIN));
	ASSERT_EQ(0, flood(m, FAR_IOVA, 100));
	ASSERT_EQ(0, iommu_unmap(m, m->iova, m->pages * PAGE));
	ASSERT_EQ(0, vmm_traffic_check(self->v));
	ASSERT_EQ(0, vhost_set_features(self->v->fd, F_VERSION_1));
	ASSERT_EQ(0, vhost_set_features(self->v->fd, F_VERSION_1 | F_ACCESS_PLATFORM));
	ASSERT_EQ(0, tell_addresses(self->v));
	/* No batch now: each takes effect at once. */
	ASSERT_EQ(0, iommu_map_all(m));
	EXPECT_EQ(0, vmm_traffic_check(self->v));
	ASSERT_EQ(0, batch(m, VHOST_IOTLB_BATCH_BEGIN));
	ASSERT_EQ(0, flood(m, FAR_IOVA, 100));
}

/* A message that is refused leaves the batch as it was. */
TEST_F(iotlb_batch, refused_within)
{
	struct iommu *m = &self->m;
	struct vmm *v = self->v;

	ASSERT_EQ(0, batch(m, VHOST_IOTLB_BATCH_BEGIN));
	ASSERT_EQ(0, update(m, FAR_IOVA, PAGE, iommu_hva(m, vmm_gpa(v, v->scratch))));
	EXPECT_EQ(-EFAULT, update(m, FAR_IOVA, PAGE, (void *)KERNEL_ADDR));
	EXPECT_EQ(-EINVAL, update(m, FAR_IOVA, 0, m->page[0]));
	ASSERT_EQ(0, batch(m, VHOST_IOTLB_BATCH_END));
	memset(v->scratch, 0, v->hdr_len);
	net_frame_fill(v->scratch + v->hdr_len, 300, 5);
	ASSERT_EQ(0, send_one(v, FAR_IOVA, 300));
	EXPECT_EQ(0, sent(v, 300, 5));
	EXPECT_TRUE(quiet(m));
}

TEST_HARNESS_MAIN
