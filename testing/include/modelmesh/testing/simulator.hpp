// A model provider for tests and demonstrations: a real HTTP or HTTPS server that speaks OpenAI's API.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace modelmesh::testing {

/// What a simulator is and how it answers.
struct simulator_options {
    std::string name = "simulator";               ///< appears in ids, in headers and in the default answer
    std::vector<std::string> models{"sim-small"}; ///< ids it serves; any other id is answered with 404
    std::uint16_t port = 0;                       ///< 0: the system chooses; see simulator::port()
    bool tls = false;                             ///< HTTPS, with a certificate authority made at start
    std::string script;               ///< JSON text of docs/simulator.md; empty: every request succeeds
    std::size_t keep_requests = 1000; ///< how many of the latest requests requests() returns
};

/// One request as it arrived.
struct recorded_request {
    std::string method;
    std::string target;
    std::vector<std::pair<std::string, std::string>> headers; ///< in wire order, names as sent
    std::string body;

    /// The value of the first header of this name, compared without case; empty when there is none.
    [[nodiscard]] std::string header(const std::string& header_name) const;
};

/// A running provider on the loopback interface, on a thread of its own.
/// Threads: every member may be called from any thread, except from two threads at once stop() and the
/// destructor.
class simulator {
public:
    using options = simulator_options;

    /// Starts to listen before it returns.
    /// @throws std::invalid_argument when the script is wrong: names the place and what would be right.
    /// @throws std::system_error when the port cannot be used.
    explicit simulator(const options& settings = options());
    ~simulator(); ///< stop()
    simulator(const simulator&) = delete;
    simulator& operator=(const simulator&) = delete;

    [[nodiscard]] std::uint16_t port() const noexcept;
    /// "http://127.0.0.1:PORT/v1", or https: what a client takes as its base URL.
    [[nodiscard]] std::string base_url() const;
    /// Certificate of the authority that signed the server's certificate (PEM); empty without TLS.
    [[nodiscard]] std::string ca_pem() const;
    /// The latest requests, oldest first. Still available after stop().
    [[nodiscard]] std::vector<recorded_request> requests() const;
    /// Number of connections open at this moment.
    [[nodiscard]] std::size_t connections() const;

    /// Ends as a killed process would: open connections are reset (RST), new ones are refused.
    /// Returns when the thread has ended. Calling it again does nothing.
    void stop();

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

} // namespace modelmesh::testing
