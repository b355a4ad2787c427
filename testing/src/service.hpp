// What the simulator answers to which request. Knows routes and the script; no sockets.
#pragma once

#include "reply.hpp"
#include "script.hpp"

#include <modelmesh/testing/simulator.hpp>

#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

namespace modelmesh::testing::detail {

/// A reply and the rule that says how it is sent.
struct planned_reply {
    reply content;
    rule how;
};

/// Threads: respond() and refuse() on the server's thread; requests() on any.
class service {
public:
    explicit service(const simulator_options& settings);

    /// Records the request and chooses its reply.
    planned_reply respond(recorded_request request, bool keep_alive);
    /// The reply to bytes that are no HTTP request; the connection ends after it.
    planned_reply refuse(int status, const std::string& problem);

    std::vector<recorded_request> requests() const;

private:
    planned_reply respond_to_chat(const recorded_request& request, const reply_context& context);
    reply_context next_context(bool keep_alive);
    bool serves(const std::string& model) const;

    const simulator_options settings_;
    script script_;
    std::uint64_t serial_ = 0;
    mutable std::mutex mutex_; // guards recorded_, which the tests' threads read
    std::deque<recorded_request> recorded_;
};

} // namespace modelmesh::testing::detail
