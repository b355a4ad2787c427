#include "policies.hpp"

namespace modelmesh::connector {
namespace {

// The candidate that the pool's priorities put first; a better one that recovers takes the requests back at once.
// Models that they do not name are for the fallback policy, when no other is left.
class priority_selection final : public rotation_policy {
public:
    explicit priority_selection(std::shared_ptr<const rotation_policy> fallback)
        : fallback_(std::move(fallback)) {}

    std::optional<std::size_t> choose(const rotation_view& from, rng& random) const noexcept override {
        const std::size_t best =
            lowest(from.candidates(), [&from](std::size_t i) { return from.model(i).priority; });
        if (is_ranked(from, best)) return best;
        return fallback_ ? fallback_->choose(from, random) : std::nullopt;
    }
    void commit(rotation_view& from, std::size_t chosen) const noexcept override {
        if (!is_ranked(from, chosen) && fallback_) fallback_->commit(from, chosen);
    }
    void move_on(rotation_view& from, std::size_t failed) const noexcept override {
        if (!is_ranked(from, failed) && fallback_) fallback_->move_on(from, failed);
    }
    position_words positions() const noexcept override {
        return fallback_ ? fallback_->positions() : position_words{};
    }

private:
    static bool is_ranked(const rotation_view& from, std::size_t index) noexcept {
        return from.model(index).priority != rotation_model::unranked;
    }

    std::shared_ptr<const rotation_policy> fallback_;
};

} // namespace

std::unique_ptr<rotation_policy> make_priority_selection(const rotation_settings& settings) {
    return std::make_unique<priority_selection>(settings.fallback);
}

} // namespace modelmesh::connector
