/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* GLib's GHashTable behind GRWLock: the lists of owners, and an index by owner and name. */

#include "driver.h"

#include <glib.h>
#include <string.h>

struct maps {
    GRWLock lock;
    GHashTable *lists;
    GHashTable *index;
    uint64_t last;
};

/* A key of the index, and the value in it. */
struct named {
    uint64_t owner;
    uint64_t id;
    uint32_t length;
    const char *name;
};

struct list {
    GArray *ids;
    /* The keys of the index, in the same order. */
    GPtrArray *names;
};

static guint hash_named(gconstpointer pointer)
{
    const struct named *key = pointer;
    guint hash = 5381 ^ (guint)(key->owner * 0x9e3779b9u);
    for (uint32_t at = 0; at < key->length; at++)
        hash = hash * 33 + (unsigned char)key->name[at];
    return hash;
}

static gboolean same_named(gconstpointer one, gconstpointer other)
{
    const struct named *a = one, *b = other;
    return a->owner == b->owner && a->length == b->length && memcmp(a->name, b->name, a->length) == 0;
}

static void free_list(gpointer pointer)
{
    struct list *list = pointer;
    g_array_free(list->ids, TRUE);
    g_ptr_array_free(list->names, TRUE);
    g_free(list);
}

static void *create(void)
{
    struct maps *maps = g_new0(struct maps, 1);
    g_rw_lock_init(&maps->lock);
    maps->lists = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, free_list);
    maps->index = g_hash_table_new_full(hash_named, same_named, g_free, NULL);
    return maps;
}

static void destroy(void *self)
{
    struct maps *maps = self;
    g_hash_table_destroy(maps->lists);
    g_hash_table_destroy(maps->index);
    g_rw_lock_clear(&maps->lock);
    g_free(maps);
}

static uint64_t add_owner(void *self, uint64_t number)
{
    (void)self;
    return number + 1;
}

static struct list *list_of(struct maps *maps, uint64_t owner)
{
    struct list *list = g_hash_table_lookup(maps->lists, GSIZE_TO_POINTER(owner));
    if (list == NULL) {
        list = g_new(struct list, 1);
        list->ids = g_array_new(FALSE, FALSE, sizeof(uint64_t));
        list->names = g_ptr_array_new();
        g_hash_table_insert(maps->lists, GSIZE_TO_POINTER(owner), list);
    }
    return list;
}

static guint position_of(const struct list *list, uint64_t id)
{
    guint at = 0;
    while (at < list->ids->len && g_array_index(list->ids, uint64_t, at) != id)
        at++;
    return at;
}

static inline struct named *find_named(struct maps *maps, const struct order *order)
{
    struct named key = {order->owner, 0, order->length, order->name};
    return g_hash_table_lookup(maps->index, &key);
}

static uint64_t register_one(struct maps *maps, const struct order *order)
{
    struct named *named;
    struct list *list;
    uint64_t id;
    g_rw_lock_writer_lock(&maps->lock);
    id = ++maps->last;
    named = find_named(maps, order);
    list = list_of(maps, order->owner);
    if (named != NULL) {
        g_array_index(list->ids, uint64_t, position_of(list, named->id)) = id;
        named->id = id;
    } else {
        named = g_malloc(sizeof *named + order->length);
        *named = (struct named){order->owner, id, order->length, (char *)(named + 1)};
        memcpy(named + 1, order->name, order->length);
        g_hash_table_add(maps->index, named);
        g_array_append_val(list->ids, id);
        g_ptr_array_add(list->names, named);
    }
    g_rw_lock_writer_unlock(&maps->lock);
    return id;
}

static size_t list(void *self, uint64_t owner, uint64_t *models, size_t capacity)
{
    struct maps *maps = self;
    const struct list *list;
    size_t count = 0;
    g_rw_lock_reader_lock(&maps->lock);
    list = g_hash_table_lookup(maps->lists, GSIZE_TO_POINTER(owner));
    if (list != NULL) {
        count = list->ids->len;
        memcpy(models, list->ids->data, MIN(count, capacity) * sizeof *models);
    }
    g_rw_lock_reader_unlock(&maps->lock);
    return count;
}

static void register_many(void *self, const struct order *orders, size_t count, uint64_t *models)
{
    for (size_t at = 0; at < count; at++)
        models[at] = register_one(self, &orders[at]);
}

static uint64_t register_list_many(void *self, const struct order *orders, size_t count, uint64_t *models)
{
    uint64_t room[STRUCTURES], sum = 0;
    for (size_t at = 0; at < count; at++) {
        models[at] = register_one(self, &orders[at]);
        sum += room[list(self, orders[at].owner, room, STRUCTURES) - 1];
    }
    return sum;
}

static void unregister_many(void *self, const struct order *orders, const uint64_t *models, size_t count)
{
    struct maps *maps = self;
    for (size_t at = 0; at < count; at++) {
        struct list *list;
        guint position;
        g_rw_lock_writer_lock(&maps->lock);
        list = list_of(maps, orders[at].owner);
        position = position_of(list, models[at]);
        g_hash_table_remove(maps->index, g_ptr_array_index(list->names, position));
        g_array_remove_index(list->ids, position);
        g_ptr_array_remove_index(list->names, position);
        g_rw_lock_writer_unlock(&maps->lock);
    }
}

static void release_many(void *self, const uint64_t *owners, size_t count)
{
    struct maps *maps = self;
    for (size_t at = 0; at < count; at++) {
        struct list *list;
        g_rw_lock_writer_lock(&maps->lock);
        list = list_of(maps, owners[at]);
        for (guint position = 0; position < list->names->len; position++)
            g_hash_table_remove(maps->index, g_ptr_array_index(list->names, position));
        g_hash_table_remove(maps->lists, GSIZE_TO_POINTER(owners[at]));
        g_rw_lock_writer_unlock(&maps->lock);
    }
}

static void clear(void *self)
{
    struct maps *maps = self;
    g_rw_lock_writer_lock(&maps->lock);
    g_hash_table_remove_all(maps->lists);
    g_hash_table_remove_all(maps->index);
    g_rw_lock_writer_unlock(&maps->lock);
}

static inline uint64_t list_rows(void *self, const uint64_t *owners, size_t count, uint64_t *room, size_t capacity,
                                 bool chain)
{
    uint64_t sum = 0, last = 0;
    for (size_t at = 0; at < count; at++) {
        size_t length = list(self, owners[at] + (chain ? last >> 63 : 0), room, capacity);
        sum += last = length ? room[MIN(length, capacity) - 1] : 0;
    }
    return sum;
}

static uint64_t list_many(void *self, const uint64_t *owners, size_t count, uint64_t *room, size_t capacity)
{
    return list_rows(self, owners, count, room, capacity, false);
}

static uint64_t list_chain(void *self, const uint64_t *owners, size_t count, uint64_t *room, size_t capacity)
{
    return list_rows(self, owners, count, room, capacity, true);
}

static inline uint64_t get_rows(struct maps *maps, const struct order *questions, size_t count, bool chain)
{
    uint64_t sum = 0, last = 0;
    for (size_t at = 0; at < count; at++) {
        struct order question = questions[at];
        const struct named *named;
        question.owner += chain ? last >> 63 : 0;
        g_rw_lock_reader_lock(&maps->lock);
        named = find_named(maps, &question);
        sum += last = named ? named->id : 0;
        g_rw_lock_reader_unlock(&maps->lock);
    }
    return sum;
}

static uint64_t get_many(void *self, const struct order *questions, size_t count)
{
    return get_rows(self, questions, count, false);
}

static uint64_t get_chain(void *self, const struct order *questions, size_t count)
{
    return get_rows(self, questions, count, true);
}

static const struct implementation glib = {
    .name = "GHashTable + GRWLock",
    .create = create,
    .destroy = destroy,
    .add_owner = add_owner,
    .register_many = register_many,
    .register_list_many = register_list_many,
    .unregister_many = unregister_many,
    .release_many = release_many,
    .clear = clear,
    .list = list,
    .list_many = list_many,
    .list_chain = list_chain,
    .get_many = get_many,
    .get_chain = get_chain,
};

const struct implementation *const implementations[] = {&glib, NULL};
