#include <modelmesh/middleware/response_cache.hpp>

#include "middleware/waiting.hpp"

#include <modelmesh/connector/cache.hpp>

#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace modelmesh {
namespace {

using detail::waiter;
using chunks = std::shared_ptr<const std::vector<std::string>>;

bool is_zero(std::string_view number) noexcept {
    return !number.empty() && number.find_first_not_of("0.-") == number.npos;
}

bool may_be_kept(const request_context& c, bool only_deterministic) {
    const prepared_request& request = c.request();
    if (!request.files().empty()) return false;
    if (const auto wish = c.metadata.find("cache"); wish != c.metadata.end() && wish->second == "off")
        return false;
    switch (request.operation()) {
    case operation::embedding:
    case operation::moderation:
    case operation::rerank:
        return true;
    case operation::chat_completion:
    case operation::text_completion: {
        const std::string_view seed = request.find("seed");
        return !only_deterministic || is_zero(request.find("temperature")) ||
               (!seed.empty() && seed != "null");
    }
    default: // pictures, sounds and searches differ each time; stored responses are objects with ids
        return false;
    }
}

// What makes two calls the same.
std::string key_of(const request_context& c) {
    std::string key(to_string(c.request().operation()));
    key.append(c.request().stream() ? "\n~" : "\n=").append(c.provider()).append("\n");
    return key.append(c.request().json());
}

class cache final : public response_cache, public std::enable_shared_from_this<cache> {
public:
    cache(const response_cache_options& options, const clock& time)
        : options_(options), replies_({options.ttl, options.max_bytes}, time) {}

    [[nodiscard]] std::string_view name() const noexcept override { return "response_cache"; }

    [[nodiscard]] task<result<whole_reply>> handle(request_context& c, reply_next inner) override {
        if (!may_be_kept(c, options_.only_deterministic)) co_return co_await inner();
        const std::string key = key_of(c);
        const boost::asio::any_io_executor executor = co_await boost::asio::this_coro::executor;
        std::optional<flight> mine;
        std::shared_ptr<waiter> other;
        {
            const std::lock_guard lock(mutex_);
            if (const auto known = replies_.get(key)) co_return whole_of(*known);
            const auto [under_way, is_first] = flights_.try_emplace(key);
            if (is_first) {
                mine.emplace(*this, key);
            } else {
                other = std::make_shared<waiter>(executor);
                under_way->second.push_back(other);
                ++joined_;
            }
        }
        if (other) {
            const in_line kept(*this, key, other);
            const result<void> waited = co_await waiter::wait(other, c.deadline() - c.time().now());
            if (!waited) co_return waited.error();
            if (const auto known = replies_.peek(key)) co_return whole_of(*known);
            // The other one has failed, or was not to be kept: each asks for itself, none behind another
            // again.
        }
        result<whole_reply> reply = co_await inner();
        if (reply) keep(key, std::make_shared<const std::vector<std::string>>(1, reply->body()));
        co_return reply;
    }

    [[nodiscard]] task<result<streamed_reply>> handle_stream(request_context& c, stream_next inner) override {
        if (!may_be_kept(c, options_.only_deterministic)) co_return co_await inner();
        std::string key = key_of(c);
        if (const auto known = replies_.get(key)) co_return streamed_reply::of(*known);
        result<streamed_reply> reply = co_await inner();
        if (reply) reply->watch(*this, std::make_unique<recorder>(shared_from_this(), std::move(key)));
        co_return reply;
    }

    void clear() override { replies_.clear(); }
    [[nodiscard]] response_cache_stats stats() const override {
        const connector::cache<chunks>::statistics kept = replies_.stats();
        const std::lock_guard lock(mutex_);
        return {kept.hits, kept.misses, kept.evictions, joined_, kept.entries, kept.weight};
    }

private:
    using waiting = std::list<std::shared_ptr<waiter>>;

    /// The one call that is made of equal ones. However it ends, those that wait look again.
    class flight {
    public:
        flight(cache& of, const std::string& key) noexcept : of_(&of), key_(&key) {}
        flight(const flight&) = delete;
        flight& operator=(const flight&) = delete;
        ~flight() {
            const std::lock_guard lock(of_->mutex_);
            const auto here = of_->flights_.find(*key_);
            for (const std::shared_ptr<waiter>& each : here->second) waiter::call(each);
            of_->flights_.erase(here);
        }

    private:
        cache* of_;
        const std::string* key_;
    };

    /// A place among those that wait, given up also when the coroutine is destroyed.
    class in_line {
    public:
        in_line(cache& of, const std::string& key, std::shared_ptr<waiter> who) noexcept
            : of_(&of), key_(&key), who_(std::move(who)) {}
        in_line(const in_line&) = delete;
        in_line& operator=(const in_line&) = delete;
        ~in_line() {
            const std::lock_guard lock(of_->mutex_);
            if (who_->is_called) return;
            if (const auto here = of_->flights_.find(*key_); here != of_->flights_.end())
                here->second.remove(who_);
        }

    private:
        cache* of_;
        const std::string* key_;
        std::shared_ptr<waiter> who_;
    };

    /// Keeps a stream that is read to its end, as long as it is small enough.
    class recorder final : public stream_watcher {
    public:
        recorder(std::shared_ptr<cache> into, std::string key)
            : into_(std::move(into)), key_(std::move(key)) {}
        result<void> on_chunk(stream_chunk& chunk) override {
            if (!seen_) return {};
            bytes_ += chunk.data().size();
            if (bytes_ > into_->options_.max_entry_bytes)
                seen_.reset();
            else
                seen_->emplace_back(chunk.data());
            return {};
        }
        void on_end(const stream_end& how) override {
            if (how.failure == nullptr && how.is_whole && seen_ && !seen_->empty())
                into_->keep(key_, std::make_shared<const std::vector<std::string>>(std::move(*seen_)));
            seen_.reset();
        }

    private:
        std::shared_ptr<cache> into_;
        std::string key_;
        std::optional<std::vector<std::string>> seen_{std::in_place};
        std::uint64_t bytes_ = 0;
    };

    static whole_reply whole_of(const chunks& known) {
        return whole_reply(std::shared_ptr<const std::string>(known, &known->front()));
    }

    void keep(const std::string& key, chunks reply) {
        constexpr std::uint64_t overhead = 256; // of an entry, about
        std::uint64_t bytes = key.size() + overhead;
        for (const std::string& each : *reply) bytes += each.size() + sizeof(std::string);
        if (bytes <= options_.max_entry_bytes) replies_.put(key, std::move(reply), bytes);
    }

    const response_cache_options options_;
    connector::cache<chunks> replies_;
    mutable std::mutex mutex_;                         ///< guards what follows
    std::unordered_map<std::string, waiting> flights_; ///< calls under way, and who waits for them
    std::uint64_t joined_ = 0;
};

} // namespace

std::shared_ptr<response_cache> response_cache::make(response_cache_options options, const clock& time) {
    return std::make_shared<cache>(options, time);
}

} // namespace modelmesh
