#include "reply.hpp"

#include <boost/beast/core/string.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

namespace modelmesh::testing::detail {
namespace {

std::string_view reason_of(int status) {
    switch (status) {
    case 200:
        return "OK";
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 408:
        return "Request Timeout";
    case 409:
        return "Conflict";
    case 413:
        return "Payload Too Large";
    case 422:
        return "Unprocessable Entity";
    case 429:
        return "Too Many Requests";
    case 500:
        return "Internal Server Error";
    case 502:
        return "Bad Gateway";
    case 503:
        return "Service Unavailable";
    case 504:
        return "Gateway Timeout";
    default:
        return "Status";
    }
}

std::string hex(std::size_t value) {
    std::array<char, 17> text{};
    std::snprintf(text.data(), text.size(), "%zx", value);
    return text.data();
}

std::pair<std::string, std::string> wait_header(const wait_hint& wait) {
    using std::chrono::ceil, std::chrono::seconds;
    const auto rounded = ceil<seconds>(wait.delay);
    switch (wait.form) {
    case wait_form::date:
        return {"retry-after", http_date(std::chrono::system_clock::now() + rounded)};
    case wait_form::milliseconds:
        return {"retry-after-ms", std::to_string(wait.delay.count())};
    case wait_form::seconds:
        break;
    }
    return {"retry-after", std::to_string(rounded.count())};
}

using header_list = std::vector<std::pair<std::string, std::string>>;

/// Adds a header; the script's headers replace ours of the same name.
void set(header_list& headers, std::string name, std::string value) {
    const auto same = [&](const auto& header) { return boost::beast::iequals(header.first, name); };
    if (const auto found = std::find_if(headers.begin(), headers.end(), same); found != headers.end())
        found->second = std::move(value);
    else
        headers.emplace_back(std::move(name), std::move(value));
}

} // namespace

std::string http_date(std::chrono::system_clock::time_point at) {
    constexpr std::array<const char*, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr std::array<const char*, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const std::time_t seconds = std::chrono::system_clock::to_time_t(at);
    std::tm utc{};
    gmtime_r(&seconds, &utc);
    std::array<char, 64> text{}; // not strftime: its names follow the locale
    std::snprintf(text.data(), text.size(), "%s, %02d %s %04d %02d:%02d:%02d GMT",
                  days[static_cast<std::size_t>(utc.tm_wday)], utc.tm_mday,
                  months[static_cast<std::size_t>(utc.tm_mon)], utc.tm_year + 1900, utc.tm_hour, utc.tm_min,
                  utc.tm_sec);
    return text.data();
}

reply::reply(const reply_context& context, int status, std::shared_ptr<const answer> content, const rule& how)
    : context_(context), how_(how), status_(status), answer_(std::move(content)) {
    chunked_ = is_whole() ? how_.malformed == damage::chunk : how_.content_length_off_by == 0;
    if (is_whole()) body_ = answer_->body();
}

reply reply::whole(const reply_context& context, int status, std::string body, const rule& how) {
    return {context, status, std::make_shared<whole_answer>(std::move(body)), how};
}

reply reply::of(const reply_context& context, std::shared_ptr<const answer> content, const rule& how) {
    return {context, 200, std::move(content), how};
}

reply reply::to(const reply_context& context, const model_request& request, const rule& how) {
    if (how.status == 200) return of(context, request.make(how, context), how);
    return whole(context, how.status, error_body(how.error ? *how.error : default_error(how.status)), how);
}

std::string reply::head(int status, const std::string& content_type,
                        std::optional<std::uint64_t> length) const {
    const std::string serial = std::to_string(context_.serial);
    header_list headers;
    set(headers, "date", http_date(std::chrono::system_clock::now()));
    set(headers, "content-type", content_type);
    if (length)
        set(headers, "content-length",
            std::to_string(
                std::max<std::int64_t>(0, static_cast<std::int64_t>(*length) + how_.content_length_off_by)));
    else
        set(headers, "transfer-encoding", "chunked");
    set(headers, "connection", context_.keep_alive ? "keep-alive" : "close");
    set(headers, "server", "modelmesh-simulator");
    set(headers, "openai-organization", context_.name);
    set(headers, "openai-processing-ms", std::to_string(how_.latency.count()));
    set(headers, "openai-version", "2020-10-01");
    set(headers, "x-request-id",
        "req_" + std::string(10 - std::min<std::size_t>(10, serial.size()), '0') + serial);
    set(headers, "x-ratelimit-limit-requests", "10000");
    set(headers, "x-ratelimit-limit-tokens", "2000000");
    set(headers, "x-ratelimit-remaining-requests", status == 429 ? "0" : "9999");
    set(headers, "x-ratelimit-remaining-tokens", status == 429 ? "0" : "1999000");
    set(headers, "x-ratelimit-reset-requests", "6ms");
    set(headers, "x-ratelimit-reset-tokens", "1s");
    if (how_.retry_after) {
        auto [name, value] = wait_header(*how_.retry_after);
        set(headers, std::move(name), std::move(value));
    }
    for (const auto& [name, value] : how_.headers) set(headers, name, value);

    std::string out =
        how_.malformed == damage::head ? "HTTP/1.1 2x0 " : "HTTP/1.1 " + std::to_string(status) + " ";
    out += reason_of(status);
    out += "\r\n";
    for (const auto& [name, value] : headers) out += name + ": " + value + "\r\n";
    return out + "\r\n";
}

// The events of the answer, perhaps an error in place of the rest, perhaps [DONE].
std::size_t reply::event_total() const {
    if (is_whole()) return 1;
    const std::size_t count = answer_->event_count();
    if (!is_events()) return count;
    if (how_.error_after_events && *how_.error_after_events < count) return *how_.error_after_events + 1;
    return count + (how_.done && answer_->ends_with_done() ? 1 : 0);
}

std::string reply::event_payload(std::size_t position) const {
    stream_event event;
    if (is_whole())
        event.data = body_;
    else if (is_events() && how_.error_after_events == position && position < answer_->event_count())
        event = answer_->failure(how_.error ? *how_.error : default_error(500), position);
    else if (position < answer_->event_count())
        event = answer_->event(position);
    else
        event.data = "[DONE]";
    // The first event is left whole: a stream that breaks in its course is the harder case.
    if (how_.malformed == damage::json && (is_whole() || position == 1))
        event.data.resize(event.data.size() / 2);
    if (!is_events()) return event.data;
    return (event.name.empty() ? "" : "event: " + event.name + "\n") + "data: " + event.data + "\n\n";
}

std::string reply::framed(std::string payload, std::size_t position) const {
    if (!chunked_) return payload;
    const bool broken = how_.malformed == damage::chunk && position == (is_whole() ? 0 : 1);
    return (broken ? "zz" : hex(payload.size())) + "\r\n" + payload + "\r\n";
}

std::optional<piece> reply::next() {
    switch (phase_) {
    case phase::head: {
        phase_ = phase::events;
        std::optional<std::uint64_t> length;
        if (!chunked_) {
            length = 0;
            for (std::size_t i = 0; i < event_total(); ++i) *length += event_payload(i).size();
        }
        return piece{
            head(status_, is_events() ? "text/event-stream; charset=utf-8" : answer_->content_type(), length),
            false};
    }
    case phase::events: {
        const std::size_t position = position_++;
        if (position_ == event_total()) phase_ = chunked_ ? phase::terminator : phase::end;
        return piece{framed(event_payload(position), position), true};
    }
    case phase::terminator:
        phase_ = phase::end;
        return piece{"0\r\n\r\n", false};
    case phase::end:
        break;
    }
    return std::nullopt;
}

} // namespace modelmesh::testing::detail
