#include "middleware/request_log.hpp"

#include "core/whole_characters.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace modelmesh {
namespace {

void cut(std::string& text, std::uint64_t most) {
    if (text.size() <= most) return;
    text.resize(core::whole_characters(text, static_cast<std::size_t>(most)).size());
    text += "...";
}

class request_log final : public middleware {
public:
    using known_secrets = std::function<std::shared_ptr<const redactor>()>;

    request_log(log_sink& log, const request_log_options& options, known_secrets secrets)
        : log_(&log), options_(options), secrets_(std::move(secrets)) {}

    [[nodiscard]] std::string_view name() const noexcept override { return "request_log"; }

    [[nodiscard]] task<result<whole_reply>> handle(request_context& c, reply_next inner) override {
        if (!log_->wants(options_.severity)) co_return co_await inner();
        const time_point began = c.time().now();
        result<whole_reply> reply = co_await inner();
        if (reply)
            write(c, began, &reply->route, nullptr, reply->body());
        else
            failed(c, began, reply.error());
        co_return reply;
    }

    [[nodiscard]] task<result<streamed_reply>> handle_stream(request_context& c, stream_next inner) override {
        if (!log_->wants(options_.severity)) co_return co_await inner();
        const time_point began = c.time().now();
        result<streamed_reply> reply = co_await inner();
        if (reply)
            reply->watch(*this, std::make_unique<listener>(*this, c, began));
        else
            failed(c, began, reply.error());
        co_return reply;
    }

private:
    class listener final : public stream_watcher {
    public:
        listener(request_log& of, request_context& c, time_point began) noexcept
            : of_(&of), call_(&c), began_(began) {}
        [[nodiscard]] bool sees_chunks() const noexcept override {
            return of_->options_.level == log_detail::full;
        }
        result<void> on_chunk(stream_chunk& chunk) override {
            // Somewhat more than is shown, so that a secret at its end is known for one.
            if (said_.size() < of_->options_.max_payload_size + 1024)
                said_.append(said_.empty() ? "" : "\n").append(chunk.data());
            return {};
        }
        void on_end(const stream_end& how) override {
            of_->write(*call_, began_, &how.served, how.failure, said_);
        }

    private:
        request_log* of_;
        request_context* call_;
        time_point began_;
        std::string said_;
    };

    void failed(const request_context& c, time_point began, const fault& why) const {
        modelmesh::route where;
        where.pool = why.pool;
        where.provider = why.provider;
        where.model = why.model;
        where.attempts = static_cast<int>(why.attempts.size());
        write(c, began, &where, &why, {});
    }

    void write(const request_context& c, time_point began, const modelmesh::route* by, const fault* why,
               std::string_view said) const {
        std::vector<std::pair<std::string_view, std::string>> all;
        const auto add = [&all](std::string_view key, std::string value) {
            if (!value.empty()) all.emplace_back(key, std::move(value));
        };
        const auto latency = std::chrono::duration_cast<std::chrono::milliseconds>(c.time().now() - began);
        add("request_id", c.request_id());
        add("operation", std::string(to_string(c.request().operation())));
        add("delivery", c.request().stream() ? "stream" : "sync");
        add("name", c.requested_name());
        add("model", by->model);
        add("provider", by->provider);
        add("status", why == nullptr ? "ok" : std::string(to_string(why->kind())));
        add("latency_ms", std::to_string(latency.count()));
        if (const auto id = c.metadata.find("correlation_id"); id != c.metadata.end())
            add("correlation_id", id->second);
        if (options_.level != log_detail::metadata) {
            add("pool", by->pool);
            add("capability", std::string(capability_of(c.request().operation())));
            add("attempts", std::to_string(by->attempts));
            if (by->input_tokens) add("input_tokens", std::to_string(*by->input_tokens));
            if (by->output_tokens) add("output_tokens", std::to_string(*by->output_tokens));
            if (by->cost_micro_usd) add("cost_micro_usd", std::to_string(*by->cost_micro_usd));
            if (why != nullptr) add("error", shown(why->message));
        }
        if (options_.level == log_detail::full) {
            add("request_payload", shown(c.request().json()));
            // Sound is no text.
            if (c.request().operation() != operation::speech) add("response_payload", shown(said));
        }
        std::vector<log_field> fields;
        for (const auto& [key, value] : all) fields.push_back({key, value});
        log_->write(options_.severity, "request.log", fields);
    }

    [[nodiscard]] std::string shown(std::string_view text) const {
        std::string payload(text);
        secrets_()->redact(payload);
        cut(payload, options_.max_payload_size);
        return payload;
    }

    log_sink* log_;
    const request_log_options options_;
    const known_secrets secrets_;
};

} // namespace

std::shared_ptr<middleware> make_request_log(log_sink& log, request_log_options options, redactor secrets) {
    auto known = [all = std::make_shared<const redactor>(std::move(secrets))] { return all; };
    return detail::make_request_log(log, options, std::move(known));
}

std::shared_ptr<middleware> detail::make_request_log(
    log_sink& log, request_log_options options, std::function<std::shared_ptr<const redactor>()> secrets) {
    return std::make_shared<request_log>(log, options, std::move(secrets));
}

} // namespace modelmesh
