#include "client/call_report.hpp"

#include <modelmesh/connector/operation.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace modelmesh::detail {

// The fields of one event, and the texts that they show.
class call_report::line {
public:
    explicit line(const call_report& of) {
        fields_.reserve(14);
        texts_.reserve(14); // views point into it
        own("request_id", of.id_.text());
        see("operation", to_string(of.request_->operation()));
        see("name", of.request_->name());
        see("delivery", of.request_->stream() ? "stream" : "sync");
    }
    void see(std::string_view key, std::string_view value) {
        if (!value.empty()) fields_.push_back({key, value});
    }
    void own(std::string_view key, std::string value) {
        fields_.push_back({key, texts_.emplace_back(std::move(value))});
    }
    template <class Number> void number(std::string_view key, const std::optional<Number>& value) {
        if (value) own(key, std::to_string(*value));
    }
    [[nodiscard]] std::span<const log_field> fields() const noexcept { return fields_; }

private:
    std::vector<log_field> fields_;
    std::vector<std::string> texts_;
};

namespace {
std::int64_t milliseconds(duration d) noexcept {
    return std::chrono::duration_cast<std::chrono::milliseconds>(d).count();
}
} // namespace

call_report::call_report(log_sink* log, const core::request_id& id,
                         std::shared_ptr<const prepared_request> request, const clock& time)
    : log_(log != nullptr && log->wants(severity::warning) ? log : nullptr), id_(id), clock_(&time),
      started_(time.now()) {
    if (log_ != nullptr) request_ = std::move(request);
}

call_report::call_report(call_report&& other) noexcept
    : log_(std::exchange(other.log_, nullptr)), id_(other.id_), request_(std::move(other.request_)),
      clock_(other.clock_), started_(other.started_) {}

call_report::~call_report() {
    if (log_ != nullptr) failed(fault(errc::canceled, "canceled"));
}

void call_report::served(const modelmesh::route& by) noexcept {
    log_sink* const log = std::exchange(log_, nullptr);
    if (log == nullptr || !log->wants(severity::info)) return;
    line told(*this);
    told.see("pool", by.pool);
    told.see("provider", by.provider);
    told.see("model", by.model);
    told.own("attempts", std::to_string(by.attempts));
    told.own("latency_ms", std::to_string(milliseconds(clock_->now() - started_)));
    if (request_->stream()) told.own("first_content_ms", std::to_string(by.latency.count()));
    told.number("input_tokens", by.input_tokens);
    told.number("output_tokens", by.output_tokens);
    told.number("cost_micro_usd", by.cost_micro_usd);
    log->write(severity::info, "request.success", told.fields());
}

void call_report::failed(const fault& why) noexcept {
    log_sink* const log = std::exchange(log_, nullptr);
    // Who cancels knows it, and a stream that is dropped is no failure of anybody.
    const severity level = why.kind() == errc::canceled ? severity::info : severity::warning;
    if (log == nullptr || !log->wants(level)) return;
    line told(*this);
    told.see("pool", why.pool);
    told.see("provider", why.provider);
    told.see("model", why.model);
    told.own("attempts", std::to_string(why.attempts.size()));
    told.own("latency_ms", std::to_string(milliseconds(clock_->now() - started_)));
    told.see("kind", to_string(why.kind()));
    if (why.http_status != 0) told.own("status", std::to_string(why.http_status));
    told.see("message", why.message);
    log->write(level, "request.failure", told.fields());
}

namespace {
class end_of_call final : public stream_watcher {
public:
    explicit end_of_call(call_report report) : report_(std::move(report)) {}
    [[nodiscard]] bool sees_chunks() const noexcept override { return false; }
    void on_end(const stream_end& how) override {
        if (how.failure == nullptr)
            report_.served(how.served);
        else
            report_.failed(*how.failure);
    }

private:
    call_report report_;
};
} // namespace

void report_end(stream_content& of, call_report report) {
    of.watchers.push_back({nullptr, std::make_unique<end_of_call>(std::move(report))});
}

} // namespace modelmesh::detail
