// A simulator without sockets: requests go in as text, replies come out as bytes.
#pragma once

#include "service.hpp"

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <regex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace modelmesh::testing::detail {

/// A reply taken apart.
struct seen_reply {
    int status = 0;
    std::string head;
    std::string body;                ///< without the chunks' frames
    std::vector<std::string> chunks; ///< of a chunked body, one after the other

    boost::json::value json() const { return boost::json::parse(body); }
};

inline seen_reply read_reply(reply content) {
    std::string bytes;
    while (const auto next = content.next()) bytes += next->bytes;
    seen_reply out;
    std::size_t at = bytes.find("\r\n\r\n") + 4;
    out.head = bytes.substr(0, at);
    out.status = std::stoi(bytes.substr(9, 3));
    if (out.head.find("transfer-encoding: chunked") == std::string::npos) {
        out.body = bytes.substr(at);
        return out;
    }
    for (;;) {
        const std::size_t line = bytes.find("\r\n", at);
        const std::size_t size = std::stoul(bytes.substr(at, line - at), nullptr, 16);
        at = line + 4 + size;
        if (size == 0) break;
        out.chunks.push_back(bytes.substr(line + 2, size));
        out.body += out.chunks.back();
    }
    EXPECT_EQ(at, bytes.size());
    return out;
}

inline std::string text(const boost::json::value& value) { return std::string(value.as_string()); }

/// The simulator "sim" with the model "m", called at http://host.
class provider {
public:
    explicit provider(std::string script = {}) : service_(settings_of(std::move(script))) {}

    seen_reply call(std::string method, std::string target, std::string body = {},
                    std::string content_type = "application/json") {
        recorded_request request;
        request.method = std::move(method);
        request.target = std::move(target);
        request.headers = {{"Host", "host"}, {"Content-Type", std::move(content_type)}};
        request.body = std::move(body);
        return read_reply(std::move(service_.respond(std::move(request), true).content));
    }
    seen_reply post(std::string target, std::string body) {
        return call("POST", std::move(target), std::move(body));
    }
    seen_reply get(std::string target) { return call("GET", std::move(target)); }

    /// What a request is refused for: "param code".
    std::string problem(std::string target, std::string body) {
        const seen_reply seen = post(std::move(target), std::move(body));
        EXPECT_EQ(seen.status, 400) << seen.body;
        if (seen.status != 400) return {};
        const boost::json::value error = seen.json().at("error");
        const auto word = [&](const char* name) {
            const boost::json::value& value = error.at(name);
            return value.is_string() ? std::string(value.as_string()) : std::string("-");
        };
        return word("param") + " " + word("code");
    }

private:
    static simulator_options settings_of(std::string script) {
        simulator_options out;
        out.name = "sim";
        out.models = {"m"};
        out.script = std::move(script);
        return out;
    }

    service service_;
};

/// A form, one part after the other.
class form_text {
public:
    form_text& field(const std::string& name, const std::string& value) {
        return part("name=\"" + name + "\"", value);
    }
    form_text& file(const std::string& name, const std::string& file_name, const std::string& bytes) {
        return part("name=\"" + name + "\"; filename=\"" + file_name + "\"", bytes);
    }
    seen_reply post(provider& sim, const std::string& target) const {
        return sim.call("POST", target, text_ + "--B--\r\n", "multipart/form-data; boundary=B");
    }

private:
    form_text& part(const std::string& names, const std::string& body) {
        text_ += "--B\r\nContent-Disposition: form-data; " + names + "\r\n\r\n" + body + "\r\n";
        return *this;
    }

    std::string text_;
};

/// The times of creation are the one thing that differs between two runs.
inline std::string without_times(const std::string& text) {
    return std::regex_replace(text, std::regex(R"re("(created|created_at|completed_at)":\d+)re"),
                              R"("$1":0)");
}

} // namespace modelmesh::testing::detail
