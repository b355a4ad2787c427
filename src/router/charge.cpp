#include "router/charge.hpp"

#include "budget/reported_usage.hpp"
#include "router/limits.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace modelmesh::router {
namespace {

// The library asks every provider for the totals of a stream. Who did not ask for them does not see them.
bool wants_totals(const prepared_request& request) {
    const std::string_view given = request.find("stream_options");
    if (given.empty()) return false; // the usual case, in which nothing is parsed
    const auto options = json::members(given);
    return options && std::any_of(options->begin(), options->end(), [](const json::member& m) {
               return m.name == "include_usage" && m.value == "true";
           });
}

// Whether totals come in a piece of their own.
bool has_own_totals(operation what) noexcept {
    return what == operation::chat_completion || what == operation::text_completion;
}

} // namespace

charge::charge(attempt_plan& plan, log_sink* log)
    : pool_(plan.made().pool), index_(plan.current_index()), random_(&plan.random()),
      started_(plan.time().now()), deadline_(plan.made().deadline), request_(plan.made().request.get()),
      clock_(&plan.time()), log_(log), id_(plan.made().id), metered_(plan.take_tokens()),
      shows_totals_(!request_->stream() || !has_own_totals(request_->operation()) ||
                    wants_totals(*request_)) {
    const std::vector<std::shared_ptr<budget::line>>& lines = plan.made().pool->lines;
    if (!lines.empty())
        line_ = lines[plan.current_index()];
    else
        metered_.keep();
}

charge::charge(charge&& other) noexcept
    : pool_(other.pool_), index_(other.index_), random_(other.random_), started_(other.started_),
      deadline_(other.deadline_), request_(other.request_), line_(std::move(other.line_)),
      clock_(other.clock_), log_(other.log_), id_(other.id_), held_(other.held_),
      metered_(std::move(other.metered_)), said_(other.said_), received_(other.received_),
      was_sent_(other.was_sent_), has_reply_(other.has_reply_), ended_(other.ended_),
      shows_totals_(other.shows_totals_), cost_(other.cost_), storage_(std::move(other.storage_)),
      counts_(std::move(other.counts_)), total_(other.total_), tokens_(other.tokens_) {}

charge::~charge() { settle(); }

namespace {
fault unpriced(const budget::line& at) {
    return fault(errc::budget,
                 "no price of model '" + at.model +
                     "' is known, and a budget is enforced on it: set its pricing, or unknown_price");
}

budget::micro_usd most_of(const prepared_request& request, const budget::line& at) {
    const budget::consumption most = budget::expected(request, at.prices, at.sizes);
    return std::min(budget::reserved(budget::cost_of(most, at.prices, at.tiers)),
                    budget::period_amount::most);
}
} // namespace

std::optional<fault> budget_refusal(const prepared_request* request, const budget::line& at,
                                    std::chrono::system_clock::time_point wall) {
    if (at.is_refused) return unpriced(at);
    const budget::micro_usd amount = request == nullptr || at.with.empty() ? 0 : most_of(*request, at);
    for (const std::shared_ptr<budget::account>& each : at.with)
        if (std::optional<fault> why = each->would_refuse(amount, wall)) return why;
    return std::nullopt;
}

result<void> charge::reserve() {
    if (!line_) return {};
    const std::chrono::system_clock::time_point now = clock_->wall();
    held_.when = line_->when->at(now);
    if (line_->is_refused) return unpriced(*line_);
    if (!line_->with.empty()) {
        held_.amount = most_of(*request_, *line_);
        if (std::optional<fault> refused = budget::reserve_all(line_->with, held_, now)) {
            report_refusal(*refused->budget);
            return std::move(*refused);
        }
    }
    was_sent_ = true;
    return {};
}

void charge::take_reply(std::string_view body) {
    if (!line_) return;
    has_reply_ = true;
    said_ = budget::reported(request_->operation(), body);
    // Speech is bytes; what was read aloud is in the request.
    if (!said_ && request_->operation() != operation::speech) budget::meter_text(body, received_);
}

charge::piece charge::take_piece(std::string_view json) {
    if (line_) {
        has_reply_ = true;
        if (request_->operation() != operation::speech) {
            if (std::optional<budget::consumption> said = budget::reported(request_->operation(), json)) {
                said_ = *said;
                received_ = {}; // some providers tell totals as they go
            } else {
                budget::meter_text(json, received_);
            }
        }
    }
    return shows_totals_ || !budget::is_only_totals(json) ? piece::for_reader : piece::only_for_us;
}

std::optional<budget::consumption> charge::used() const noexcept {
    const operation what = request_->operation();
    const bool is_text = what == operation::chat_completion || what == operation::text_completion ||
                         what == operation::response;
    std::optional<budget::consumption> said = said_;
    // Totals of a reply that was broken off are of its beginning, up to them.
    if (said && is_text && ended_ != ending::well) said->output += received_.tokens();
    if (said || !has_reply_) return said;
    budget::consumption estimate = budget::expected(*request_, line_->prices, line_->sizes);
    if (is_text) estimate.output = received_.tokens();
    return estimate;
}

std::optional<std::int64_t> charge::settle() noexcept {
    if (!line_ || !was_sent_) return cost_;
    budget::ending end;
    const std::optional<budget::consumption> billed = used();
    const std::shared_ptr<budget::line> line = std::move(line_); // once
    end.has_failed = ended_ == ending::badly;
    end.was_billed = billed.has_value();
    end.is_priced = line->is_priced;
    if (billed) {
        end.used = *billed;
        tokens_ = token_counts{billed->input, billed->output};
        end.cost = std::min(budget::settled(budget::cost_of(*billed, line->prices, line->tiers)),
                            budget::period_amount::most);
        if (line->is_priced) cost_ = end.cost;
    }
    static constexpr std::int64_t most_tokens = INT64_MAX / 2; // a server may say anything
    const auto sane = [](std::int64_t tokens) { return std::clamp<std::int64_t>(tokens, 0, most_tokens); };
    metered_.settle(billed ? sane(billed->input) + sane(billed->output) : 0);
    total_ = line->counts->add(end, held_.when);
    if (line->storage && line->counts->is_low(total_)) {
        storage_ = line->storage;
        counts_ = line->counts;
        storage_->ask();
    }
    for (const std::shared_ptr<budget::account>& each : line->with) {
        if (billed)
            each->settle(held_, end.cost, [this](const budget::alert& a) { report(a); });
        else
            each->release(held_);
    }
    const auto latency = std::chrono::duration_cast<std::chrono::microseconds>(clock_->now() - started_);
    apply_rules(*pool_, index_, {ended_ == ending::badly, latency, id_}, *clock_, *random_, log_);
    return cost_;
}

task<void> charge::covered() {
    const std::shared_ptr<budget::write_ahead> storage = storage_;
    while (!is_covered()) {
        co_await storage->next_write(storage, deadline_);
        if (clock_->now() >= deadline_) storage_.reset();
    }
}

void charge::report_refusal(const exceeded_budget& of) const {
    if (log_ == nullptr || !log_->wants(severity::warning)) return;
    const std::string id = id_.text();
    const std::string limit = budget::dollars(of.limit_micro_usd);
    const std::string spent = budget::dollars(of.spent_micro_usd);
    const std::string wanted = budget::dollars(of.wanted_micro_usd);
    const std::array<log_field, 7> fields{{{"request_id", id},
                                           {"scope", of.scope},
                                           {"name", of.name},
                                           {"limit_name", of.limit_name},
                                           {"limit", limit},
                                           {"spent", spent},
                                           {"wanted", wanted}}};
    log_->write(severity::warning, "budget.exceeded", fields);
}

void charge::report(const budget::alert& of) const noexcept {
    if (log_ == nullptr || !log_->wants(severity::warning)) return;
    const std::string limit = budget::dollars(of.limit);
    const std::string spent = budget::dollars(of.spent);
    const std::string percent = std::to_string(of.at / 10);
    const std::string id = id_.text();
    const std::array<log_field, 7> fields{{{"request_id", id},
                                           {"scope", of.scope},
                                           {"name", of.name},
                                           {"limit_name", of.limit_name},
                                           {"percent", percent},
                                           {"limit", limit},
                                           {"spent", spent}}};
    log_->write(severity::warning, "budget.alert", fields);
}

} // namespace modelmesh::router
