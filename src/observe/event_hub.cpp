#include <modelmesh/event_hub.hpp>

#include "core/whole_characters.hpp"
#include "observe/event_ring.hpp"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>

namespace modelmesh {
namespace {

// The thread looks by itself this often: a wake-up that was missed costs no more.
constexpr std::chrono::milliseconds longest_nap{100};
// And this often while somebody waits for an event that is on its way into the ring.
constexpr std::chrono::milliseconds shortest_nap{1};
// What a slot keeps of its buffer.
constexpr std::size_t kept_buffer = 1024;

void append(std::string& to, std::string_view text) {
    const auto size = static_cast<std::uint32_t>(text.size());
    to.append(reinterpret_cast<const char*>(&size), sizeof(size)).append(text);
}
std::string_view take(std::string_view& from) {
    std::uint32_t size = 0;
    std::memcpy(&size, from.data(), sizeof(size));
    const std::string_view text = from.substr(sizeof(size), size);
    from.remove_prefix(sizeof(size) + size);
    return text;
}

// What is kept of a value beyond its end until secrets are out of it, so that none of them is cut in two and not found.
constexpr std::size_t longest_secret = 4096;

class callback_sink final : public connector::event_sink {
public:
    explicit callback_sink(function<void(const connector::event&)> call) : call_(std::move(call)) {}
    result<void> write(const connector::event& told) override {
        call_(told);
        return {};
    }

private:
    function<void(const connector::event&)> call_;
};

} // namespace

struct event_hub::state {
    /// Some sinks, and what they are not to get.
    struct audience {
        std::vector<sink_plan> plans;
        redactor secrets;
    };

    /// Takes its place when what was claimed before its ticket is delivered.
    struct newcomer {
        audience who;
        std::uint64_t ticket;
    };

    state(std::vector<sink_plan> plans, event_hub_options given)
        : options(std::move(given)), ring(options.capacity) {
        lowest.store(lowest_of(plans), std::memory_order_relaxed);
        seat({std::move(plans), std::move(options.secrets)});
        worker = std::thread([this] { run(); });
    }

    // Above every severity when there is nobody.
    static int lowest_of(const std::vector<sink_plan>& plans) {
        int found = nobody;
        for (const sink_plan& each : plans) {
            if (!each.sink) throw std::invalid_argument("event_hub: a sink is null");
            found = std::min(found, static_cast<int>(each.min_severity));
        }
        return found;
    }

    void seat(audience next) {
        std::vector<entry> before = std::exchange(sinks, {});
        for (sink_plan& each : next.plans) {
            // One that stays has been told of already.
            const bool has_failed = std::any_of(before.begin(), before.end(), [&each](const entry& was) {
                return was.has_failed && was.plan.sink == each.sink;
            });
            sinks.push_back({std::move(each), has_failed});
        }
        secrets = std::move(next.secrets);
    }

    void replace(audience next) {
        const int wanted = lowest_of(next.plans);
        const std::lock_guard lock(mutex);
        const std::uint64_t ticket = ring.claimed();
        // Who comes in the same moment as the one before takes its place: nothing was written for that one.
        if (coming.empty() || coming.back().ticket != ticket)
            coming.push_back({std::move(next), ticket});
        else
            coming.back().who = std::move(next);
        // Until all have changed places, what any of them wants is written.
        lowest.store(std::min(lowest.load(std::memory_order_relaxed), wanted), std::memory_order_relaxed);
        has_coming.store(true, std::memory_order_release);
        wake.notify_one();
    }

    // The thread's, between two events. Release and acquire of has_coming: it sees the ticket of that moment or a later
    // one, which it reads under the mutex.
    bool change_places() {
        if (!has_coming.load(std::memory_order_acquire)) return false;
        audience next;
        {
            const std::lock_guard lock(mutex);
            if (ring.popped() < coming.front().ticket)
                return false; // what was written before is for those of before
            next = std::move(coming.front().who);
            coming.pop_front();
            int wanted = lowest_of(next.plans);
            for (const newcomer& each : coming) wanted = std::min(wanted, lowest_of(each.who.plans));
            lowest.store(wanted, std::memory_order_relaxed);
            has_coming.store(!coming.empty(), std::memory_order_relaxed);
        }
        flush_sinks();
        seat(std::move(next));
        return true;
    }
    ~state() {
        {
            const std::lock_guard lock(mutex);
            is_stopping = true;
        }
        wake.notify_one();
        worker.join();
    }

    void put(severity level, std::string_view name, std::span<const log_field> given) noexcept {
        std::size_t size = 0;
        for (const log_field& each : given) size += each.key.size() + each.value.size();
        std::uint64_t ticket = 0;
        observe::record* here = nullptr;
        // Relaxed: a bound that is a few events late is one, too.
        if (waiting_bytes.load(std::memory_order_relaxed) + std::min(size, options.max_bytes) <=
            options.max_bytes)
            here = ring.claim(ticket);
        if (here == nullptr) {
            dropped.fetch_add(1, std::memory_order_relaxed);
            return;
        }
        try {
            here->is_whole = false;
            here->at = options.time->wall();
            here->level = level;
            here->fields = given.size();
            here->texts.clear();
            append(here->texts, name);
            for (const log_field& each : given) {
                append(here->texts, each.key);
                append(here->texts,
                       core::whole_characters(each.value, options.max_value_bytes + longest_secret));
            }
            here->is_whole = true;
        } catch (...) { // no memory
            here->texts.clear();
            dropped.fetch_add(1, std::memory_order_relaxed);
        }
        waiting_bytes.fetch_add(here->texts.size(), std::memory_order_relaxed);
        ring.publish(ticket);
        // Relaxed, and without the lock: whoever naps looks again soon.
        if (is_napping.load(std::memory_order_relaxed)) wake.notify_one();
    }

    void run() {
        for (;;) {
            bool stops = false;
            {
                const std::lock_guard lock(mutex);
                stops = is_stopping;
            }
            do {
                while (change_places()) {
                }
            } while (deliver_one());
            tell_dropped();
            std::unique_lock lock(mutex);
            if (flush_wanted > flush_done) {
                lock.unlock();
                flush_sinks();
                lock.lock();
                // What was claimed before the wish may still be on its way into the ring.
                // And who was to take the sinks' place before it takes it first.
                if (ring.popped() >= flush_ticket && !has_coming.load(std::memory_order_relaxed))
                    flush_done = flush_wanted;
                flushed.notify_all();
                if (flush_wanted > flush_done) {
                    nap(lock, shortest_nap);
                    continue;
                }
            }
            if (stops) break;
            if (is_stopping) continue;
            nap(lock, longest_nap);
        }
        flush_sinks();
    }

    void nap(std::unique_lock<std::mutex>& lock, std::chrono::milliseconds most) {
        is_napping.store(true, std::memory_order_relaxed);
        wake.wait_for(lock, most);
        is_napping.store(false, std::memory_order_relaxed);
    }

    bool deliver_one() {
        observe::record* const here = ring.front();
        if (here == nullptr) return false;
        if (here->is_whole) deliver(*here);
        waiting_bytes.fetch_sub(here->texts.size(), std::memory_order_relaxed);
        if (here->texts.capacity() > kept_buffer) std::string().swap(here->texts);
        ring.pop();
        return true;
    }

    void deliver(const observe::record& what) {
        std::string_view rest = what.texts;
        const std::string_view name = take(rest);
        fields.clear();
        values.clear();
        values.reserve(what.fields); // views point into it
        for (std::size_t i = 0; i < what.fields; ++i) {
            const std::string_view key = take(rest);
            const std::string_view value = take(rest);
            std::string& shown = values.emplace_back(secrets.is_secret_name(key) ? std::string(redactor::mask)
                                                                                 : std::string(value));
            secrets.redact(shown);
            shown.resize(core::whole_characters(shown, options.max_value_bytes).size());
            fields.push_back({key, shown});
        }
        give({++sequence, what.at, what.level, name, fields});
    }

    void give(const connector::event& told) {
        for (std::size_t i = 0; i < sinks.size(); ++i) {
            const sink_plan& to = sinks[i].plan;
            if (told.level < to.min_severity || !to.events.passes(told.name)) continue;
            result<void> written = write_to(*to.sink, told);
            if (written) {
                sinks[i].has_failed = false;
            } else if (!std::exchange(sinks[i].has_failed, true)) {
                failures.emplace_back(i, written.error().message);
            }
        }
        // After the event that brought it to light, which the others have by now.
        while (!failures.empty()) {
            const auto [which, why] = std::move(failures.back());
            failures.pop_back();
            tell_failed(which, why);
        }
    }

    static result<void> write_to(connector::event_sink& sink, const connector::event& told) {
        try {
            return sink.write(told);
        } catch (const std::exception& e) {
            return fault(errc::internal, e.what());
        } catch (...) {
            return fault(errc::internal, "unknown exception");
        }
    }

    // To the others: that one cannot be told.
    void tell_failed(std::size_t which, const std::string& why) {
        const std::array<log_field, 2> of{{{"sink", sinks[which].plan.name}, {"message", why}}};
        const connector::event told = own(severity::error, "sink.failed", of);
        for (std::size_t i = 0; i < sinks.size(); ++i)
            if (i != which && sinks[i].plan.events.passes(told.name))
                (void)write_to(*sinks[i].plan.sink, told);
    }

    void tell_dropped() {
        const std::uint64_t now = dropped.load(std::memory_order_relaxed);
        if (now == told_dropped) return;
        const std::string count = std::to_string(now - std::exchange(told_dropped, now));
        const std::array<log_field, 1> of{{{"count", count}}};
        give(own(severity::warning, "events.dropped", of));
    }

    // An event of the hub itself: between two of the ring.
    connector::event own(severity level, std::string_view name, std::span<const log_field> of) {
        return {++sequence, options.time->wall(), level, name, of};
    }

    void flush_sinks() {
        for (const entry& each : sinks) {
            try {
                each.plan.sink->flush();
            } catch (...) { // a sink's own business: the next write tells
            }
        }
    }

    bool flush(std::chrono::milliseconds limit) {
        std::unique_lock lock(mutex);
        flush_ticket = std::max(flush_ticket, ring.claimed());
        const std::uint64_t mine = ++flush_wanted;
        wake.notify_one();
        return flushed.wait_for(lock, limit, [&] { return flush_done >= mine; });
    }

    struct entry {
        sink_plan plan;
        bool has_failed;
    };

    static constexpr int nobody = static_cast<int>(severity::critical) + 1;

    event_hub_options options;
    std::vector<entry> sinks; ///< the thread's, as the next
    redactor secrets;
    /// Relaxed: a change that a writer sees late is as if it had written before.
    std::atomic<int> lowest{nobody};
    std::atomic<bool> has_coming{false};
    observe::event_ring ring;
    std::atomic<std::size_t> waiting_bytes{0};
    std::atomic<std::uint64_t> dropped{0};
    std::atomic<bool> is_napping{false};

    std::mutex mutex; ///< guards what follows, up to the thread's own
    std::condition_variable wake;
    std::condition_variable flushed;
    bool is_stopping = false;
    std::uint64_t flush_wanted = 0;
    std::uint64_t flush_done = 0;
    std::uint64_t flush_ticket = 0;
    std::deque<newcomer> coming; ///< in turn; as many as there are events between them

    std::vector<log_field> fields; ///< the thread's, reused
    std::vector<std::string> values;
    std::vector<std::pair<std::size_t, std::string>> failures; ///< of sinks, not told yet
    std::uint64_t told_dropped = 0;
    std::uint64_t sequence = 0; ///< of the last event that was given to sinks
    std::thread worker;
};

event_hub::event_hub(std::vector<sink_plan> sinks, event_hub_options options)
    : state_(std::make_unique<state>(std::move(sinks), std::move(options))) {}
event_hub::~event_hub() = default;

bool event_hub::wants(severity level) const noexcept {
    return static_cast<int>(level) >= state_->lowest.load(std::memory_order_relaxed);
}
void event_hub::write(severity level, std::string_view event, std::span<const log_field> fields) noexcept {
    if (wants(level)) state_->put(level, event, fields);
}
void event_hub::replace(std::vector<sink_plan> sinks, redactor secrets) {
    state_->replace({std::move(sinks), std::move(secrets)});
}
bool event_hub::flush(std::chrono::milliseconds limit) { return state_->flush(limit); }
std::uint64_t event_hub::dropped() const noexcept { return state_->dropped.load(std::memory_order_relaxed); }

std::shared_ptr<connector::event_sink> make_callback_sink(function<void(const connector::event&)> call) {
    if (!call) throw std::invalid_argument("make_callback_sink: there is no function");
    return std::make_shared<callback_sink>(std::move(call));
}

} // namespace modelmesh
