// SPDX-License-Identifier: MIT OR Apache-2.0

// std::unordered_map behind std::shared_mutex: the lists of owners, and an index by owner and name.

#include "driver.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace {

struct list {
    std::vector<uint64_t> ids;
    std::vector<std::string_view> names;
};

// In C++17 a map cannot be asked with a key that owns nothing, so the keys are views of bytes beside the ids.
struct key_view {
    uint64_t owner;
    std::string_view name;
    bool operator==(const key_view &other) const { return owner == other.owner && name == other.name; }
};

struct key_hash {
    size_t operator()(const key_view &key) const
    {
        return std::hash<std::string_view>()(key.name) ^ (key.owner * 0x9e3779b97f4a7c15u);
    }
};

struct entry {
    uint64_t id;
    std::unique_ptr<char[]> name;
};

using name_index = std::unordered_map<key_view, entry, key_hash>;

struct maps {
    std::shared_mutex lock;
    std::unordered_map<uint64_t, list> lists;
    name_index index;
    uint64_t last = 0;

    name_index::iterator insert(uint64_t owner, std::string_view name, uint64_t id)
    {
        std::unique_ptr<char[]> bytes(new char[name.size()]);
        std::copy(name.begin(), name.end(), bytes.get());
        key_view key{owner, std::string_view(bytes.get(), name.size())};
        return index.emplace(key, entry{id, std::move(bytes)}).first;
    }

    uint64_t put(const order &order)
    {
        std::unique_lock held(lock);
        std::string_view name(order.name, order.length);
        uint64_t id = ++last;
        auto found = index.find(key_view{order.owner, name});
        list &owned = lists[order.owner];
        if (found != index.end()) {
            *std::find(owned.ids.begin(), owned.ids.end(), found->second.id) = id;
            found->second.id = id;
            return id;
        }
        owned.ids.push_back(id);
        owned.names.push_back(insert(order.owner, name, id)->first.name);
        return id;
    }

    void unregister(const order &order, uint64_t id)
    {
        std::unique_lock held(lock);
        list &owned = lists[order.owner];
        auto at = std::find(owned.ids.begin(), owned.ids.end(), id) - owned.ids.begin();
        owned.ids.erase(owned.ids.begin() + at);
        owned.names.erase(owned.names.begin() + at);
        index.erase(key_view{order.owner, std::string_view(order.name, order.length)});
    }

    void release(uint64_t owner)
    {
        std::unique_lock held(lock);
        auto found = lists.find(owner);
        if (found == lists.end())
            return;
        for (std::string_view name : found->second.names)
            index.erase(key_view{owner, name});
        lists.erase(found);
    }

    size_t copy(uint64_t owner, uint64_t *room, size_t capacity)
    {
        std::shared_lock held(lock);
        auto found = lists.find(owner);
        if (found == lists.end())
            return 0;
        const std::vector<uint64_t> &ids = found->second.ids;
        std::copy_n(ids.begin(), std::min(ids.size(), capacity), room);
        return ids.size();
    }

    uint64_t get(uint64_t owner, std::string_view name)
    {
        std::shared_lock held(lock);
        auto found = index.find(key_view{owner, name});
        return found == index.end() ? 0 : found->second.id;
    }
};

maps &of(void *self) { return *static_cast<maps *>(self); }

void *create() { return new maps; }
void destroy(void *self) { delete &of(self); }
uint64_t add_owner(void *, uint64_t number) { return number + 1; }

void register_many(void *self, const order *orders, size_t count, uint64_t *models)
{
    for (size_t at = 0; at < count; at++)
        models[at] = of(self).put(orders[at]);
}

uint64_t register_list_many(void *self, const order *orders, size_t count, uint64_t *models)
{
    uint64_t room[STRUCTURES], sum = 0;
    for (size_t at = 0; at < count; at++) {
        models[at] = of(self).put(orders[at]);
        sum += room[of(self).copy(orders[at].owner, room, STRUCTURES) - 1];
    }
    return sum;
}

void unregister_many(void *self, const order *orders, const uint64_t *models, size_t count)
{
    for (size_t at = 0; at < count; at++)
        of(self).unregister(orders[at], models[at]);
}

void release_many(void *self, const uint64_t *owners, size_t count)
{
    for (size_t at = 0; at < count; at++)
        of(self).release(owners[at]);
}

void clear(void *self)
{
    std::unique_lock held(of(self).lock);
    of(self).lists.clear();
    of(self).index.clear();
}

size_t list_one(void *self, uint64_t owner, uint64_t *models, size_t capacity)
{
    return of(self).copy(owner, models, capacity);
}

template <bool chain>
uint64_t list_rows(void *self, const uint64_t *owners, size_t count, uint64_t *room, size_t capacity)
{
    uint64_t sum = 0, last = 0;
    for (size_t at = 0; at < count; at++) {
        size_t length = of(self).copy(owners[at] + (chain ? last >> 63 : 0), room, capacity);
        sum += last = length ? room[std::min(length, capacity) - 1] : 0;
    }
    return sum;
}

template <bool chain> uint64_t get_rows(void *self, const order *questions, size_t count)
{
    uint64_t sum = 0, last = 0;
    for (size_t at = 0; at < count; at++) {
        std::string_view name(questions[at].name, questions[at].length);
        sum += last = of(self).get(questions[at].owner + (chain ? last >> 63 : 0), name);
    }
    return sum;
}

implementation make()
{
    implementation made{};
    made.name = "unordered_map + shared_mutex";
    made.create = create;
    made.destroy = destroy;
    made.add_owner = add_owner;
    made.register_many = register_many;
    made.register_list_many = register_list_many;
    made.unregister_many = unregister_many;
    made.release_many = release_many;
    made.clear = clear;
    made.list = list_one;
    made.list_many = list_rows<false>;
    made.list_chain = list_rows<true>;
    made.get_many = get_rows<false>;
    made.get_chain = get_rows<true>;
    return made;
}

const implementation made = make();

} // namespace

extern "C" const implementation *const implementations[] = {&made, nullptr};
