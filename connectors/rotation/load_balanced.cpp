#include "policies.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

namespace modelmesh::connector {
namespace {

// Shares of the traffic: the pool's weights, or where it has none, what the providers' limits leave each model. The
// next request goes to the candidate whose share of the requests is furthest below the one it should have.
// position(i): requests that went to the model i; halved together now and then, so that the shares of long ago do
// not stand against those of now.
class load_balanced final : public rotation_policy {
public:
    load_balanced(bool has_weights, balance_mode mode) : has_weights_(has_weights), mode_(mode) {}

    std::optional<std::size_t> choose(const rotation_view& from, rng&) const noexcept override {
        const totals all = totals_of(from);
        if (all.weight <= 0) return from.candidates().next(0);
        return lowest(from.candidates(), [&](std::size_t i) {
            const bool is_known = i < all.known.size();
            const double weight = is_known ? all.known[i] : weight_of(from, i, all.unknown);
            const double requests = is_known ? all.sent[i] : from.position(i);
            // Whoever weighs nothing is for when nobody else is left.
            if (has_weights_ && weight <= 0) return std::numeric_limits<double>::infinity();
            // Actual less expected share, times both totals, so that equal ones come out equal. Before there is any
            // traffic the heaviest is first.
            return all.requests > 0 ? requests * all.weight - weight * all.requests : -weight;
        });
    }
    void commit(rotation_view& from, std::size_t chosen) const noexcept override {
        const model_set& among = from.candidates();
        const double sent = from.position(chosen) + 1;
        from.set_position(chosen, sent);
        const bool are_all_there = among.count() == from.size();
        // Who has the most is chosen now and then, too, so that halving can wait for one that has its part of a window.
        if (are_all_there && sent * static_cast<double>(from.size()) < window) return;
        double requests = 0;
        among.for_each([&](std::size_t i) { requests += from.position(i); });
        if (!are_all_there) level(from, requests);
        if (requests < window) return;
        for (std::size_t i = 0; i < from.size(); ++i) from.set_position(i, from.position(i) / 2);
    }
    position_words positions() const noexcept override { return {.cursors = 0, .per_model = 1}; }

private:
    static constexpr double window = 512;

    struct totals {
        double weight = 0;
        double requests = 0;
        double unknown = 1; ///< weight of a model whose limits are not known
        /// Weights by number, of candidates: what limits leave is not looked up twice.
        std::array<double, 64> known;
        std::array<double, 64> sent; ///< the same of requests
    };

    // Who is not there is owed nothing: it comes back as if it had had its share, and not to all the requests of
    // the next minute.
    void level(rotation_view& from, double requests) const noexcept {
        const totals all = totals_of(from);
        if (all.weight <= 0) return;
        for (std::size_t i = 0; i < from.size(); ++i)
            if (!from.candidates().contains(i))
                from.set_position(i, weight_of(from, i, all.unknown) * requests / all.weight);
    }

    double weight_of(const rotation_view& from, std::size_t i, double unknown) const noexcept {
        if (has_weights_) return from.model(i).weight;
        return left(from, i).value_or(unknown);
    }
    std::optional<double> left(const rotation_view& from, std::size_t i) const noexcept {
        const std::optional<headroom> h = from.headroom(i);
        if (!h) return std::nullopt;
        return mode_ == balance_mode::absolute ? h->requests : 1 - h->usage;
    }

    totals totals_of(const rotation_view& from) const noexcept {
        totals all;
        std::array<double, 64> told; // of the first ones, which is enough for a median
        std::size_t count = 0;
        std::size_t unknown = 0;
        from.candidates().for_each([&](std::size_t i) {
            const double sent = from.position(i);
            all.requests += sent;
            const std::optional<double> weight =
                has_weights_ ? std::optional(from.model(i).weight) : left(from, i);
            if (i < all.known.size()) {
                all.known[i] = weight.value_or(untold);
                all.sent[i] = sent;
            }
            if (!weight) {
                ++unknown;
                return;
            }
            all.weight += *weight;
            if (count < told.size()) told[count++] = *weight;
        });
        if (unknown == 0) return all;
        if (count != 0) {
            const auto middle = told.begin() + static_cast<std::ptrdiff_t>(count / 2);
            std::nth_element(told.begin(), middle, told.begin() + static_cast<std::ptrdiff_t>(count));
            all.unknown = *middle;
        }
        all.weight += all.unknown * static_cast<double>(unknown);
        from.candidates().for_each([&all](std::size_t i) {
            if (i < all.known.size() && all.known[i] == untold) all.known[i] = all.unknown;
        });
        return all;
    }

    static constexpr double untold = -1; // no weight is

    bool has_weights_;
    balance_mode mode_;
};

} // namespace

std::unique_ptr<rotation_policy> make_load_balanced(const rotation_settings& settings) {
    return std::make_unique<load_balanced>(settings.has_weights, settings.balance);
}

} // namespace modelmesh::connector
