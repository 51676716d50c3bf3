// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which processors a queue is for. Drivers say it in terms of interrupt vectors: a
 * few for any processor at both ends, and between them sets, in each of which every
 * processor has a vector. Here each queue with a callback counts as a vector.
 */

#include <linux/interrupt.h>
#include <linux/nodemask.h>
#include <linux/slab.h>
#include <linux/topology.h>

#include "virtio_vdpa.h"

/* All processors, those of a node next to each other. */
static unsigned int virtio_vdpa_order(unsigned int *order)
{
	unsigned int n = 0, node, cpu;

	for_each_node(node)
		for_each_possible_cpu(cpu)
			if (cpu_to_node(cpu) == node)
				order[n++] = cpu;
	return n;
}

/* Each mask gets a run of processors: all have one, or all masks have one. */
static void virtio_vdpa_deal(struct cpumask *masks, unsigned int nmasks,
			     const unsigned int *order, unsigned int ncpus)
{
	for (unsigned int i = 0; i < nmasks; i++) {
		unsigned int first = i * ncpus / nmasks;
		unsigned int end = max((i + 1) * ncpus / nmasks, first + 1);

		while (first < end)
			cpumask_set_cpu(order[first++], &masks[i]);
	}
}

static unsigned int virtio_vdpa_sets(struct irq_affinity *affinity, unsigned int nvecs)
{
	unsigned int apart = affinity->pre_vectors + affinity->post_vectors;
	unsigned int spread = nvecs > apart ? nvecs - apart : 0;

	if (affinity->calc_sets) {
		affinity->calc_sets(affinity, spread);
	} else {
		affinity->nr_sets = 1;
		affinity->set_size[0] = spread;
	}
	return spread;
}

/**
 * virtio_vdpa_spread - processors for vectors
 * @affinity: what the driver wishes
 * @nvecs: vectors
 *
 * Context: may sleep.
 * Return: a mask for each vector, to be freed by kfree(); NULL without memory.
 */
struct cpumask *virtio_vdpa_spread(struct irq_affinity *affinity, unsigned int nvecs)
{
	unsigned int *order = kmalloc_objs(*order, num_possible_cpus());
	struct cpumask *masks = kzalloc_objs(*masks, nvecs);
	unsigned int next = affinity->pre_vectors, end, ncpus;

	if (!order || !masks) {
		kfree(order);
		kfree(masks);
		return NULL;
	}
	end = next + virtio_vdpa_sets(affinity, nvecs);
	ncpus = virtio_vdpa_order(order);
	for (unsigned int i = 0; i < affinity->nr_sets && next < end; i++) {
		unsigned int size = min(affinity->set_size[i], end - next);

		virtio_vdpa_deal(masks + next, size, order, ncpus);
		next += size;
	}
	/* What is in no set is for any processor. */
	for (unsigned int i = 0; i < nvecs; i++)
		if (cpumask_empty(&masks[i]))
			cpumask_copy(&masks[i], cpu_possible_mask);
	kfree(order);
	return masks;
}
