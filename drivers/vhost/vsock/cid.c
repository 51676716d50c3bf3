// SPDX-License-Identifier: GPL-2.0-only
/*
 * Addresses of guests. Whoever sends finds the device in a table under RCU. A device
 * that changes its address has an entry for the new one before that of the old one
 * goes, and entries never move: a sender in between finds the one or the other, and
 * nobody else's is missed.
 */

#include <linux/hashtable.h>
#include <linux/slab.h>
#include <net/tcp_states.h>

#include "vsock.h"

/**
 * struct vhost_vsock_cid - an address in use
 * @node: in the table
 * @cid: the address; immutable
 * @vsock: whose it is; immutable
 * @rcu: for kfree_rcu()
 */
struct vhost_vsock_cid {
	struct hlist_node node;
	u32 cid;
	struct vhost_vsock *vsock;
	struct rcu_head rcu;
};

static DEFINE_MUTEX(cids_lock);
static DEFINE_HASHTABLE(cids, 8);

/* The device with an address, as seen from a namespace, other than @not. */
static struct vhost_vsock *cids_find(u32 cid, struct net *net, const struct vhost_vsock *not)
{
	struct vhost_vsock_cid *entry;

	hash_for_each_possible_rcu(cids, entry, node, cid, lockdep_is_held(&cids_lock)) {
		struct vhost_vsock *vsock = entry->vsock;

		if (entry->cid == cid && vsock != not && vsock_net_check_mode(net, vsock->net))
			return vsock;
	}
	return NULL;
}

/**
 * vhost_vsock_find - the guest with an address
 * @cid: the address
 * @net: who asks
 *
 * Context: an RCU read section, in which the device stays.
 * Return: the device, or NULL if there is no such guest.
 */
struct vhost_vsock *vhost_vsock_find(u32 cid, struct net *net)
{
	return cids_find(cid, net, NULL);
}

/* Put @entry in the place of what a device has. Returns -EADDRINUSE or 0. */
static int cids_replace(struct vhost_vsock *vsock, struct vhost_vsock_cid *entry)
{
	struct vhost_vsock_cid *old;

	lockdep_assert_held(&vsock->tx.vq.mutex);
	mutex_lock(&cids_lock);
	old = rcu_dereference_protected(vsock->cid, lockdep_is_held(&cids_lock));
	if (cids_find(entry->cid, vsock->net, vsock)) {
		mutex_unlock(&cids_lock);
		return -EADDRINUSE;
	}
	hash_add_rcu(cids, &entry->node, entry->cid);
	if (old)
		hash_del_rcu(&old->node);
	rcu_assign_pointer(vsock->cid, entry);
	mutex_unlock(&cids_lock);
	if (old)
		kfree_rcu(old, rcu);
	return 0;
}

/**
 * vhost_vsock_cid - the guest's address
 * @vsock: the device, which is not being released
 *
 * Context: any.
 * Return: the address, 0 without one.
 */
u32 vhost_vsock_cid(const struct vhost_vsock *vsock)
{
	const struct vhost_vsock_cid *entry;
	u32 cid;

	rcu_read_lock();
	entry = rcu_dereference(vsock->cid);
	cid = entry ? entry->cid : 0;
	rcu_read_unlock();
	return cid;
}

/**
 * vhost_vsock_has_cid - is this the guest's address?
 * @vsock: the device
 * @cid: an address, as a guest may write it
 *
 * Context: mutex of the transmit queue.
 * Return: true if so.
 */
bool vhost_vsock_has_cid(const struct vhost_vsock *vsock, u64 cid)
{
	const struct vhost_vsock_cid *entry =
		rcu_dereference_protected(vsock->cid, lockdep_is_held(&vsock->tx.vq.mutex));

	return entry && entry->cid == cid;
}

/*
 * VHOST_VSOCK_SET_GUEST_CID: the guest's address. Under the mutex of the transmit
 * queue, so that no packet from the old address is let through later.
 */
int vhost_vsock_set_guest_cid(struct vhost_dev *dev, void *arg, void __user *user)
{
	struct vhost_vsock *vsock = container_of(dev, struct vhost_vsock, dev);
	struct vhost_vsock_cid *entry;
	u64 cid = *(u64 *)arg;
	int err;

	if (cid <= VMADDR_CID_HOST || cid >= U32_MAX)
		return -EINVAL;
	/* We may be a guest ourselves, with this address. */
	if (vsock_find_cid(cid))
		return -EADDRINUSE;
	entry = kmalloc_obj(*entry, GFP_KERNEL_ACCOUNT);
	if (!entry)
		return -ENOMEM;
	entry->cid = cid;
	entry->vsock = vsock;
	err = vhost_vq_lock(&vsock->tx.vq);
	if (!err) {
		err = cids_replace(vsock, entry);
		mutex_unlock(&vsock->tx.vq.mutex);
	}
	if (err)
		kfree(entry);
	else
		vhost_vsock_reset_orphans();
	return err;
}

/**
 * vhost_vsock_leave - nobody finds a device any more
 * @vsock: the device; to be stopped, and freed a grace period later at the earliest
 *
 * No queue is locked: its worker may be waiting for an owner who is gone.
 *
 * Context: may sleep; nobody else has the device.
 */
void vhost_vsock_leave(struct vhost_vsock *vsock)
{
	struct vhost_vsock_cid *entry;

	mutex_lock(&cids_lock);
	entry = rcu_dereference_protected(vsock->cid, lockdep_is_held(&cids_lock));
	if (entry)
		hash_del_rcu(&entry->node);
	mutex_unlock(&cids_lock);
}

/**
 * vhost_vsock_free_cid - end of a device's address
 * @vsock: the device, stopped, a grace period after vhost_vsock_leave()
 */
void vhost_vsock_free_cid(struct vhost_vsock *vsock)
{
	/* Nobody else has the device. */
	kfree(rcu_replace_pointer(vsock->cid, NULL, true));
}

static bool is_orphan(struct vsock_sock *vsk)
{
	bool orphan;

	rcu_read_lock();
	orphan = !vhost_vsock_find(vsk->remote_addr.svm_cid, compat_vsock_net(vsk));
	rcu_read_unlock();
	return orphan;
}

/*
 * A connection ends. Context: the table of sockets is locked, so that this one stays; its
 * own lock may be somebody else's, who finds out with his next call.
 */
static void reset_connected(struct sock *sk)
{
	struct vsock_sock *vsk = vsock_sk(sk);

	/* Who is closed already and waits for the guest's answer gives up by himself. */
	if (vsk->close_work_scheduled || !is_orphan(vsk))
		return;
	sock_set_flag(sk, SOCK_DONE);
	WRITE_ONCE(vsk->peer_shutdown, SHUTDOWN_MASK);
	WRITE_ONCE(sk->sk_err, ECONNRESET);
	sk_error_report(sk);
}

/* One that was to be ends. The socket may connect again. Context: as above. */
static void reset_connecting(struct vsock_sock *vsk)
{
	struct sock *sk = sk_vsock(vsk);

	if (vsk->transport != &vhost_vsock_transport.transport ||
	    sk->sk_state != TCP_SYN_SENT || !is_orphan(vsk))
		return;
	sk->sk_state = TCP_CLOSE;
	WRITE_ONCE(sk->sk_err, ECONNRESET);
	sk_error_report(sk);
}

/**
 * vhost_vsock_reset_orphans - reset the connections with guests that are gone
 *
 * Those that wait for an answer are not among the connected, and would wait until they
 * give up (FAULTS 21).
 *
 * Context: may sleep. No packet of these guests is on its way to a socket.
 */
void vhost_vsock_reset_orphans(void)
{
	struct vsock_sock *vsk;
	unsigned int i;

	vsock_for_each_connected_socket(&vhost_vsock_transport.transport, reset_connected);
	spin_lock_bh(&vsock_table_lock);
	for (i = 0; i < ARRAY_SIZE(vsock_bind_table); i++)
		list_for_each_entry(vsk, &vsock_bind_table[i], bound_table)
			reset_connecting(vsk);
	spin_unlock_bh(&vsock_table_lock);
}
