#include "support/other_server.hpp"

#include <arpa/inet.h>
#include <csignal>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

namespace support {
namespace {

// Only a program that does not start is waited for this long.
constexpr std::chrono::seconds patience(20);

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
}

bool listens(std::uint16_t port) {
    const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(port);
    const bool is_up = ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    ::close(probe);
    return is_up;
}

} // namespace

std::uint16_t free_port() {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    const bool is_bound = ::bind(socket, reinterpret_cast<const sockaddr*>(&address), size) == 0 &&
                          ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0;
    ::close(socket);
    if (!is_bound) throw std::runtime_error("no free port");
    return ntohs(address.sin_port);
}

other_server::other_server(const std::vector<std::string>& command, std::uint16_t port) {
    std::vector<char*> arguments;
    for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    const pid_t parent = ::getpid();
    process_ = ::fork();
    if (process_ == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL); // also when the test crashes
        if (::getppid() != parent) ::_exit(126);
        ::execvp(arguments[0], arguments.data());
        ::_exit(127);
    }
    if (process_ < 0) throw std::runtime_error("fork");
    const auto limit = std::chrono::steady_clock::now() + patience;
    while (!listens(port)) {
        const bool has_ended = ::waitpid(process_, nullptr, WNOHANG) == process_;
        if (has_ended) process_ = -1;
        if (has_ended || std::chrono::steady_clock::now() > limit) {
            end();
            throw std::runtime_error(command.front() + " does not serve");
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(5)); // another process tells nobody
    }
}

other_server::~other_server() { end(); }

void other_server::end() noexcept {
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    process_ = -1;
}

} // namespace support
