#include <modelmesh/connector/with_retry.hpp>

#include <modelmesh/core/error.hpp>

namespace modelmesh::connector {

retries::retries(retry_rule rule, time_point deadline, rng& random)
    : rule_(std::move(rule)), deadline_(deadline), random_(&random) {}

std::optional<duration> retries::after(const fault& f, time_point now) {
    ++tries_;
    if (tries_ >= rule_.max_attempts) return std::nullopt;
    if (rule_.may_help ? !rule_.may_help(f) : !retryable(f)) return std::nullopt;
    // What the service says is exact: chance is for those who have to guess.
    const duration wait = f.retry_after ? *f.retry_after : rule_.pauses.pause_before(tries_, *random_);
    if (wait >= deadline_ - now) return std::nullopt;
    return wait;
}

} // namespace modelmesh::connector
