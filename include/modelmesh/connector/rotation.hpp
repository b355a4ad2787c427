// Which model of a pool gets a request: the interface of rotation policies. Derive from rotation_policy and register
// it (registry::add_rotation) to have one of your own.
#pragma once

#include <modelmesh/connector/model_set.hpp>
#include <modelmesh/core/clock.hpp>
#include <modelmesh/core/error.hpp>
#include <modelmesh/core/random.hpp>
#include <modelmesh/core/token_price.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace modelmesh::connector {

/// How load-balanced compares what the providers' limits leave.
enum class balance_mode : std::uint8_t {
    relative, ///< by the share of its limit that a model has left
    absolute, ///< by the number of requests that a model can still take
};

/// What becomes of a session whose model is out of service.
enum class affinity_mode : std::uint8_t {
    fallback, ///< another model answers until the session's own is back
    strict,   ///< the request fails
};

class rotation_policy;

/// What a pool's configuration says to the policy that is made for it.
class rotation_settings {
public:
    rotation_settings() = default;

    bool has_weights = false; ///< the pool weighs its models (rotation_model::weight)
    balance_mode balance = balance_mode::relative;
    affinity_mode affinity = affinity_mode::fallback;
    double rate_limit_threshold = 0.8; ///< share of a limit from which on other models are preferred
    /// Decides among the models that priority-selection does not know; null: they are not chosen.
    std::shared_ptr<const rotation_policy> fallback{};
};

/// What is known of a model when its pool is made.
struct rotation_model {
    static constexpr std::uint32_t unranked = UINT32_MAX;

    std::string_view id{}; ///< `<provider>.<vendor's name>`
    std::string_view provider{};
    std::uint64_t key{0};             ///< of the id, equal in every process
    std::uint32_t priority{unranked}; ///< place in the pool's order of preference, the best is 0
    double weight{1};
    std::optional<token_price> price{};
};

/// What policies may know of a request.
struct rotation_request {
    std::string_view session{}; ///< whatever the caller names a session by; empty: it has none
    double prompt_tokens{0};    ///< a guess
    double output_tokens{0};    ///< the request's limit, or else a guess
    bool is_stream{false};
};

/// What the provider's limits leave a model.
struct headroom {
    double usage;    ///< of the limit that is nearer, 0 to 1
    double requests; ///< how many like this one
};

/// Words of memory that a policy has in each pool: see rotation_view::position. A pool keeps a copy for each of
/// several threads, so that threads do not disturb each other: each has a rotation of its own.
struct position_words {
    /// Numbers of models; in the next snapshot they are the same models, or the next in the
    /// pool's order.
    std::uint8_t cursors = 0;
    /// Words for each model, which it keeps in the next snapshot; 0 for one that is new there.
    std::uint8_t per_model = 0;
};

/// A pool at the moment of one choice. Models are numbered in the pool's order. Valid during the call that gets it.
class rotation_view {
public:
    virtual ~rotation_view() = default;
    rotation_view(const rotation_view&) = delete;
    rotation_view& operator=(const rotation_view&) = delete;

    /// The models that may be chosen: in service, and not tried by this request.
    [[nodiscard]] const model_set& candidates() const noexcept { return *candidates_; }
    [[nodiscard]] const rotation_request& request() const noexcept { return *request_; }
    [[nodiscard]] time_point now() const noexcept { return now_; }
    /// Models of the pool.
    [[nodiscard]] std::size_t size() const noexcept { return candidates_->size(); }

    [[nodiscard]] virtual const rotation_model& model(std::size_t index) const noexcept = 0;
    /// Whether the request could go to the model were it in service: it can do what is asked, and is of the provider
    /// that the caller names.
    [[nodiscard]] virtual bool is_eligible(std::size_t index) const noexcept = 0;
    /// Attempts under way at the model.
    [[nodiscard]] virtual unsigned in_flight(std::size_t index) const noexcept = 0;
    /// Mean time to the end of a reply, or to the first content when the request is a stream, in microseconds;
    /// nothing while the model has not answered.
    [[nodiscard]] virtual std::optional<double> latency(std::size_t index) const noexcept = 0;
    /// The same, weighted towards the last few replies.
    [[nodiscard]] virtual std::optional<double> recent_latency(std::size_t index) const noexcept = 0;
    /// Nothing while the provider has not told its limits.
    [[nodiscard]] virtual std::optional<connector::headroom> headroom(std::size_t index) const noexcept = 0;
    /// Share of failures among the model's last outcomes in this pool.
    [[nodiscard]] virtual double error_rate(std::size_t index) const noexcept = 0;

    /// The number of a model that all threads share; 0 at first.
    [[nodiscard]] virtual std::size_t cursor() const noexcept = 0;
    /// Moves it, unless another thread has done so since it was `from`.
    virtual void move_cursor(std::size_t from, std::size_t to) noexcept = 0;
    /// This thread's words: the cursors, then those of the first model, and so on; 0 at first, and beyond what the
    /// policy asked for.
    [[nodiscard]] virtual double position(std::size_t word) const noexcept = 0;
    virtual void set_position(std::size_t word, double value) noexcept = 0;

protected:
    rotation_view(const model_set& candidates, const rotation_request& request, time_point now) noexcept
        : candidates_(&candidates), request_(&request), now_(now) {}

private:
    const model_set* candidates_;
    const rotation_request* request_;
    time_point now_;
};

/// Decides which candidate gets a request. One object for each pool that is configured with it; what changes is in
/// the pool (rotation_view::position), so that it outlives the snapshot and that choosing changes nothing.
/// No function does I/O, allocates or throws. Threads: every function may be called from several threads at once.
class rotation_policy {
public:
    virtual ~rotation_policy() = default;

    /// One of the candidates, of which there is at least one; nothing: the request goes to none of them. Another
    /// call from the same view may choose otherwise only by `random`.
    [[nodiscard]] virtual std::optional<std::size_t> choose(const rotation_view& from,
                                                            rng& random) const noexcept = 0;
    /// What choose() compares candidates by, the lowest wins; for people who ask why. Nothing where there is no such
    /// number, or none for this candidate.
    [[nodiscard]] virtual std::optional<double> rating(const rotation_view& from,
                                                       std::size_t candidate) const noexcept {
        static_cast<void>(from);
        static_cast<void>(candidate);
        return std::nullopt;
    }
    /// The candidate that choose() would have taken if no limit of its provider were near; nothing where limits have no
    /// say. For the event `rate_limit.switch`.
    [[nodiscard]] virtual std::optional<std::size_t> regardless_of_limits(
        const rotation_view& from) const noexcept {
        static_cast<void>(from);
        return std::nullopt;
    }
    /// What a request fails with when choose() wants none of the candidates.
    [[nodiscard]] virtual errc refusal(const rotation_request& of) const noexcept {
        static_cast<void>(of);
        return errc::no_active_model;
    }
    /// The request goes to the model that was chosen from this view.
    virtual void commit(rotation_view& from, std::size_t chosen) const noexcept {
        static_cast<void>(from);
        static_cast<void>(chosen);
    }
    /// An attempt failed, and the next request had better begin elsewhere. The candidates are all models in service.
    virtual void move_on(rotation_view& from, std::size_t failed) const noexcept {
        static_cast<void>(from);
        static_cast<void>(failed);
    }
    [[nodiscard]] virtual position_words positions() const noexcept { return {}; }
};

} // namespace modelmesh::connector
