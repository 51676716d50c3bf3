// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "libsim.h"

const uint8_t sim_mac[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };
const uint8_t sim_mac_other[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x57 };
const uint8_t sim_mac_all[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
const uint8_t sim_mac_multi[6] = { 0x01, 0x00, 0x5e, 0x00, 0x00, 0x01 };

struct wanted {
	const char *name;
	long value;
};

static const void *attr_data(const struct nlattr *attr)
{
	return (const char *)attr + NLA_HDRLEN;
}

/* Values follow their names. */
static void note_counter(const struct vnl_answer *answer, void *arg)
{
	const struct nlattr *attr = NULL;
	struct wanted *w = arg;
	bool named = false;

	while ((attr = vnl_next(answer, attr))) {
		unsigned int type = attr->nla_type & NLA_TYPE_MASK;

		if (type == VDPA_ATTR_DEV_VENDOR_ATTR_NAME)
			named = !strcmp(attr_data(attr), w->name);
		if (type == VDPA_ATTR_DEV_VENDOR_ATTR_VALUE && named)
			memcpy(&w->value, attr_data(attr), sizeof(w->value));
	}
}

long sim_counter(struct vdpa_dev *d, unsigned int queue, const char *name)
{
	struct wanted w = { name, -ENOENT };
	struct vnl_req req;
	int ret;

	vnl_begin(&req, VDPA_CMD_DEV_VSTATS_GET, 0);
	vnl_put_str(&req, VDPA_ATTR_DEV_NAME, d->name);
	vnl_put_u32(&req, VDPA_ATTR_DEV_QUEUE_INDEX, queue);
	ret = vnl_do(&d->nl, &req, note_counter, &w);
	return ret ? ret : w.value;
}

bool sim_use_va(void)
{
	FILE *f = fopen("/sys/module/vdpa_sim/parameters/use_va", "r");
	bool on = f && fgetc(f) == 'Y';

	if (f)
		fclose(f);
	return on;
}

/* ---- frames ---- */

void sim_frame(char *buf, const uint8_t *dst, size_t len, uint32_t seed)
{
	unsigned char *frame = (unsigned char *)buf + SIM_HDR;
	size_t i;

	memset(buf, 0, SIM_HDR);
	memcpy(frame, dst, 6);
	memcpy(frame + 6, sim_mac_other, 6);
	frame[12] = 0x88;
	frame[13] = 0xb5;
	for (i = 14; i < len; i++)
		frame[i] = seed + i * 7 + i / 256;
}

int sim_frame_check(const char *buf, const uint8_t *dst, size_t len, uint32_t seed)
{
	struct virtio_net_hdr_v1 hdr;
	char want[SIM_HDR + 65536];

	sim_frame(want, dst, len, seed);
	memcpy(&hdr, buf, sizeof(hdr));
	if (hdr.num_buffers != 1 || hdr.flags || hdr.gso_type)
		return -EPROTO;
	return memcmp(buf + SIM_HDR, want + SIM_HDR, len) ? -EBADMSG : 0;
}

int sim_rx_add(struct vdpa *v, unsigned int pair, char *buf, size_t len)
{
	int ret = drv_ring_add1(&v->vq[2 * pair].ring, vdpa_iova(v, buf), len, true, buf);

	if (ret < 0)
		return ret;
	vdpa_kick(v, 2 * pair);
	return 0;
}

int sim_send(struct vdpa *v, unsigned int pair, char *buf, size_t len)
{
	unsigned int index = 2 * pair + 1;
	int ret = drv_ring_add1(&v->vq[index].ring, vdpa_iova(v, buf), len, false, buf);

	if (ret >= 0)
		ret = vdpa_turn(v, index);
	return ret > 0 ? -EPROTO : ret;
}

bool sim_received(struct vdpa *v, unsigned int pair)
{
	const struct drv_ring *r = &v->vq[2 * pair].ring;

	return r->layout->pending(r);
}

#define ECHO_BUF	2048

int sim_echo(struct vdpa *v, unsigned int pair, const uint8_t *dst, size_t len, uint32_t seed)
{
	struct drv_ring *ring = &v->vq[2 * pair].ring;
	struct drv_done done;
	char *tx, *rx;
	size_t used;
	int ret;

	if (!drv_ring_in_flight(ring)) {
		/* It may stay there, so that it is not handed out again. */
		rx = vdpa_alloc(v, ECHO_BUF, 64);
		ret = rx ? sim_rx_add(v, pair, rx, ECHO_BUF) : -ENOMEM;
		if (ret)
			return ret;
	}
	used = v->ram_used;
	tx = vdpa_alloc(v, ECHO_BUF, 64);
	if (!tx || SIM_HDR + len > ECHO_BUF)
		return -ENOMEM;
	sim_frame(tx, dst, len, seed);
	ret = sim_send(v, pair, tx, SIM_HDR + len);
	v->ram_used = used;
	/* What it received, the card gives back first. */
	if (ret || !sim_received(v, pair))
		return ret;
	ret = drv_ring_get(ring, &done);
	if (ret != 1)
		return ret ? ret : -EPROTO;
	if (done.len != SIM_HDR + len)
		return -EMSGSIZE;
	ret = sim_frame_check(done.cookie, dst, len, seed);
	return ret ? ret : 1;
}

int sim_command(struct vdpa *v, unsigned int queue, uint8_t class, uint8_t cmd,
		const void *data, size_t len)
{
	size_t used = v->ram_used;
	uint8_t *req = vdpa_alloc(v, 3 + len, 4);
	struct drv_buf bufs[3];
	int ret;

	if (!req)
		return -ENOMEM;
	req[0] = class;
	req[1] = cmd;
	req[2] = 0xff;
	if (len)
		memcpy(req + 3, data, len);
	bufs[0] = (struct drv_buf){ vdpa_iova(v, req), 2, false };
	bufs[1] = (struct drv_buf){ vdpa_iova(v, req + 3), len, false };
	bufs[2] = (struct drv_buf){ vdpa_iova(v, req + 2), 1, true };
	if (!len)
		bufs[1] = bufs[2];
	ret = drv_ring_add(&v->vq[queue].ring, bufs, len ? 3 : 2, req);
	if (ret >= 0)
		ret = vdpa_turn(v, queue);
	if (ret >= 0)
		ret = ret == 1 ? req[2] : -EPROTO;
	v->ram_used = used;
	return ret;
}
