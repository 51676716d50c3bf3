// SPDX-License-Identifier: GPL-2.0-only
/*
 * Target portal groups: what may be an endpoint, and who uses it.
 *
 * One lock protects the list of all groups and what changes in them. configfs calls us
 * with locks of its own held, among them those of the directories; hence we never call
 * target_depend_item(), which takes the same, with our lock held (FAULTS 151). Instead
 * a device claims a group first. Whoever removes a group that is claimed and not yet
 * pinned waits until the claim is given up, as it cannot be pinned any more.
 */

#include <linux/configfs.h>
#include <linux/ctype.h>
#include <linux/slab.h>

#include "scsi.h"

static DEFINE_MUTEX(tpgs_lock);
static LIST_HEAD(tpgs_all);
/* Woken when a claim is given up. */
static DECLARE_WAIT_QUEUE_HEAD(tpgs_unclaimed);

static struct vhost_scsi_tpg *to_vhost_scsi_tpg(struct se_portal_group *se_tpg)
{
	return container_of(se_tpg, struct vhost_scsi_tpg, se_tpg);
}

/* Give up claims, none of which is pinned. */
static void tpgs_give_up(struct vhost_scsi_tpg **tpgs, unsigned int n)
{
	unsigned int i;

	mutex_lock(&tpgs_lock);
	for (i = 0; i < n; i++) {
		if (tpgs[i])
			WRITE_ONCE(tpgs[i]->scsi, NULL);
		tpgs[i] = NULL;
	}
	mutex_unlock(&tpgs_lock);
	wake_up_all(&tpgs_unclaimed);
}

static void tpgs_unpin(struct vhost_scsi_tpg **tpgs, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (tpgs[i])
			target_undepend_item(&tpgs[i]->se_tpg.tpg_group.cg_item);
}

/*
 * Pin what is claimed. A group that is being removed cannot be: it is none of the
 * endpoint's then.
 */
static int tpgs_pin(struct vhost_scsi_tpg **tpgs)
{
	unsigned int i, pinned = 0;
	int err;

	for (i = 0; i < VHOST_SCSI_MAX_TARGETS; i++) {
		if (!tpgs[i])
			continue;
		err = target_depend_item(&tpgs[i]->se_tpg.tpg_group.cg_item);
		if (err == -ENOENT) {
			tpgs_give_up(tpgs + i, 1);
			continue;
		}
		if (err) {
			tpgs_unpin(tpgs, i);
			return err;
		}
		pinned++;
	}
	return pinned ? 0 : -ENODEV;
}

/**
 * vhost_scsi_claim - take all groups of a name that have a nexus and are not in use
 * @scsi: who takes them
 * @wwpn: the name
 * @tpgs: where to put them, by the number of their target; all NULL
 *
 * Context: vhost_dev.mutex; may sleep.
 * Return: 0, -ENODEV if there is none, or what target_depend_item() said; then none is
 * taken.
 */
int vhost_scsi_claim(struct vhost_scsi *scsi, const char *wwpn, struct vhost_scsi_tpg **tpgs)
{
	struct vhost_scsi_tpg *tpg;
	int err;

	mutex_lock(&tpgs_lock);
	list_for_each_entry(tpg, &tpgs_all, node) {
		if (!tpg->sess || tpg->scsi || strcmp(tpg->wwn->name, wwpn))
			continue;
		tpg->scsi = scsi;
		tpgs[tpg->target] = tpg;
	}
	mutex_unlock(&tpgs_lock);
	err = tpgs_pin(tpgs);
	if (err)
		tpgs_give_up(tpgs, VHOST_SCSI_MAX_TARGETS);
	return err;
}

/**
 * vhost_scsi_unclaim - give groups back
 * @tpgs: the groups, from vhost_scsi_claim(); none are left
 *
 * Context: vhost_dev.mutex; may sleep.
 */
void vhost_scsi_unclaim(struct vhost_scsi_tpg **tpgs)
{
	tpgs_unpin(tpgs, VHOST_SCSI_MAX_TARGETS);
	tpgs_give_up(tpgs, VHOST_SCSI_MAX_TARGETS);
}

/* Only the one way in which we would write it: there is one group for each number. */
static int tpg_number(const char *name, u16 *target)
{
	char same[16];

	if (strncmp(name, "tpgt_", 5) || !isdigit(name[5]) || kstrtou16(name + 5, 10, target) ||
	    *target >= VHOST_SCSI_MAX_TARGETS)
		return -EINVAL;
	snprintf(same, sizeof(same), "tpgt_%u", *target);
	return strcmp(name, same) ? -EINVAL : 0;
}

/**
 * vhost_scsi_make_tpg - target_core_fabric_ops.fabric_make_tpg
 * @wwn: what it belongs to
 * @name: "tpgt_" and the target's number, 0 to VHOST_SCSI_MAX_TARGETS - 1
 *
 * Context: configfs.
 * Return: the group, or -EINVAL, -ENOMEM and what the target core says.
 */
struct se_portal_group *vhost_scsi_make_tpg(struct se_wwn *wwn, const char *name)
{
	struct vhost_scsi_tpg *tpg;
	u16 target;
	int err = tpg_number(name, &target);

	if (err)
		return ERR_PTR(err);
	tpg = kzalloc_obj(*tpg);
	if (!tpg)
		return ERR_PTR(-ENOMEM);
	tpg->wwn = container_of(wwn, struct vhost_scsi_wwn, wwn);
	tpg->target = target;
	err = core_tpg_register(wwn, &tpg->se_tpg, tpg->wwn->proto);
	if (err) {
		kfree(tpg);
		return ERR_PTR(err);
	}
	mutex_lock(&tpgs_lock);
	list_add_tail(&tpg->node, &tpgs_all);
	mutex_unlock(&tpgs_lock);
	return &tpg->se_tpg;
}

/* Context: the lock of the groups. */
static void nexus_end(struct vhost_scsi_tpg *tpg)
{
	if (!tpg->sess)
		return;
	/* Whoever gave the last command back may not have left the session yet. */
	target_stop_session(tpg->sess);
	target_wait_for_sess_cmds(tpg->sess);
	target_remove_session(tpg->sess);
	tpg->sess = NULL;
}

/**
 * vhost_scsi_drop_tpg - target_core_fabric_ops.fabric_drop_tpg
 * @se_tpg: the group, out of configfs
 *
 * Context: configfs.
 */
void vhost_scsi_drop_tpg(struct se_portal_group *se_tpg)
{
	struct vhost_scsi_tpg *tpg = to_vhost_scsi_tpg(se_tpg);

	mutex_lock(&tpgs_lock);
	list_del(&tpg->node);
	mutex_unlock(&tpgs_lock);
	/* configfs keeps what is pinned: it can only be a claim that is about to fail. */
	wait_event(tpgs_unclaimed, !READ_ONCE(tpg->scsi));
	mutex_lock(&tpgs_lock);
	nexus_end(tpg);
	mutex_unlock(&tpgs_lock);
	core_tpg_deregister(se_tpg);
	kfree(tpg);
}

/**
 * vhost_scsi_make_nexus - make the connection that commands come by
 * @tpg: to this group
 * @name: name of the initiator
 *
 * Context: configfs.
 * Return: 0, -EEXIST if there is one, -ENOMEM.
 */
int vhost_scsi_make_nexus(struct vhost_scsi_tpg *tpg, const char *name)
{
	struct se_session *sess;

	guard(mutex)(&tpgs_lock);
	if (tpg->sess)
		return -EEXIST;
	sess = target_setup_session(&tpg->se_tpg, 0, 0,
				    TARGET_PROT_DIN_PASS | TARGET_PROT_DOUT_PASS, name, tpg, NULL);
	if (IS_ERR(sess))
		return -ENOMEM;
	tpg->sess = sess;
	return 0;
}

/**
 * vhost_scsi_drop_nexus - end that connection
 * @tpg: to this group
 *
 * Context: configfs.
 * Return: 0, -ENODEV if there is none, -EBUSY while there are LUNs or a device uses it.
 */
int vhost_scsi_drop_nexus(struct vhost_scsi_tpg *tpg)
{
	guard(mutex)(&tpgs_lock);
	if (!tpg->sess)
		return -ENODEV;
	if (tpg->nluns || tpg->scsi)
		return -EBUSY;
	nexus_end(tpg);
	return 0;
}

/**
 * vhost_scsi_show_nexus - name of the initiator
 * @tpg: the group
 * @page: where to write it
 *
 * Context: configfs.
 * Return: bytes written, -ENODEV without a nexus.
 */
ssize_t vhost_scsi_show_nexus(struct vhost_scsi_tpg *tpg, char *page)
{
	guard(mutex)(&tpgs_lock);
	if (!tpg->sess)
		return -ENODEV;
	return sysfs_emit(page, "%s\n", tpg->sess->se_node_acl->initiatorname);
}

static void tpg_tell(struct vhost_scsi_tpg *tpg, struct se_lun *lun, u32 reason)
{
	if (tpg->scsi)
		vhost_scsi_tell(tpg->scsi, tpg->target, lun->unpacked_lun, reason);
}

/**
 * vhost_scsi_link - target_core_fabric_ops.fabric_post_link
 * @se_tpg: the group
 * @lun: a LUN it has now
 *
 * Context: configfs.
 * Return: 0.
 */
int vhost_scsi_link(struct se_portal_group *se_tpg, struct se_lun *lun)
{
	struct vhost_scsi_tpg *tpg = to_vhost_scsi_tpg(se_tpg);

	guard(mutex)(&tpgs_lock);
	tpg->nluns++;
	tpg_tell(tpg, lun, VIRTIO_SCSI_EVT_RESET_RESCAN);
	return 0;
}

/**
 * vhost_scsi_unlink - target_core_fabric_ops.fabric_pre_unlink
 * @se_tpg: the group
 * @lun: a LUN it is about to lose
 *
 * Context: configfs.
 */
void vhost_scsi_unlink(struct se_portal_group *se_tpg, struct se_lun *lun)
{
	struct vhost_scsi_tpg *tpg = to_vhost_scsi_tpg(se_tpg);

	guard(mutex)(&tpgs_lock);
	tpg->nluns--;
	tpg_tell(tpg, lun, VIRTIO_SCSI_EVT_RESET_REMOVED);
}
