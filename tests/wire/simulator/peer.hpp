// A blocking client of the simulator.
#pragma once

#include <modelmesh/testing/simulator.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <string>
#include <utility>

namespace modelmesh::testing {

inline simulator::options with_script(std::string script) {
    simulator::options out;
    out.script = std::move(script);
    return out;
}

/// A blocking connection and what came out of it.
class peer {
public:
    explicit peer(const simulator& server) : socket_(io_) {
        socket_.connect(
            boost::asio::ip::tcp::endpoint(boost::asio::ip::address_v4::loopback(), server.port()));
    }
    void send(const std::string& bytes) { boost::asio::write(socket_, boost::asio::buffer(bytes)); }
    std::string read(std::size_t size) {
        std::string out(size, '\0');
        out.resize(boost::asio::read(socket_, boost::asio::buffer(out), end));
        return out;
    }
    std::string read_until(const std::string& text) {
        std::string out;
        while (out.find(text) == out.npos && !end) out += read(1);
        return out;
    }
    std::string read_all() {
        std::string out;
        boost::asio::read(socket_, boost::asio::dynamic_buffer(out), end);
        return out;
    }

    boost::system::error_code end;

private:
    boost::asio::io_context io_;
    boost::asio::ip::tcp::socket socket_;
};

inline std::string ask(const simulator& server, const std::string& request,
                       boost::system::error_code* end = nullptr) {
    peer client(server);
    client.send(request);
    std::string out = client.read_all();
    if (end != nullptr) *end = client.end;
    return out;
}

} // namespace modelmesh::testing
