// modelmesh-simulator: one simulated provider as a process. Its script is described in docs/simulator.md.
#include <modelmesh/testing/simulator.hpp>

#include <sys/resource.h>

#include <charconv>
#include <csignal>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr std::string_view usage = R"(Usage: modelmesh-simulator [options]
A model provider for tests: speaks OpenAI's API on 127.0.0.1, plain and as streams of events and bytes.

  --port N           port to listen on; 0 (the default) lets the system choose
  --tls              HTTPS; makes a certificate authority that lives as long as the process
  --ca-out FILE      write the authority's certificate (PEM) to FILE; needs --tls
  --script FILE      JSON file that says how to answer (docs/simulator.md); without it every request succeeds
  --model ID         model to serve; may be repeated; the default is sim-small
  --name NAME        name of this provider in ids, headers and answers
  --ready-file FILE  write the base URL to FILE once the server listens
  --help, --version

Prints "listening on URL" and serves until it gets SIGTERM or SIGINT.
)";

struct command_line {
    modelmesh::testing::simulator_options simulator;
    std::string ca_out;
    std::string ready_file;
    bool help = false;
    bool version = false;
};

std::string read_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) throw std::runtime_error("cannot read the script " + path);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// Writes beside the file and renames, so that whoever waits for it never reads half of it.
void write_file(const std::string& path, const std::string& text) {
    const std::string draft = path + ".part";
    {
        std::ofstream out(draft, std::ios::binary);
        if (!(out << text).flush()) throw std::runtime_error("cannot write " + path);
    }
    std::filesystem::rename(draft, path);
}

std::uint16_t to_port(const std::string& text) {
    unsigned value = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failure != std::errc() || end != text.data() + text.size() || value > 65535)
        throw std::invalid_argument("--port takes a number from 0 to 65535, not \"" + text + "\"");
    return static_cast<std::uint16_t>(value);
}

command_line parse(const std::vector<std::string>& arguments) {
    command_line out;
    std::vector<std::string> models;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string& option = arguments[i];
        const auto value = [&]() -> const std::string& {
            if (i + 1 == arguments.size()) throw std::invalid_argument(option + " needs a value");
            return arguments[++i];
        };
        if (option == "--help")
            out.help = true;
        else if (option == "--version")
            out.version = true;
        else if (option == "--tls")
            out.simulator.tls = true;
        else if (option == "--port")
            out.simulator.port = to_port(value());
        else if (option == "--script")
            out.simulator.script = read_file(value());
        else if (option == "--model")
            models.push_back(value());
        else if (option == "--name")
            out.simulator.name = value();
        else if (option == "--ca-out")
            out.ca_out = value();
        else if (option == "--ready-file")
            out.ready_file = value();
        else
            throw std::invalid_argument("unknown option " + option + "; --help lists the options");
    }
    if (!models.empty()) out.simulator.models = std::move(models);
    if (!out.ca_out.empty() && !out.simulator.tls) throw std::invalid_argument("--ca-out needs --tls");
    out.simulator.keep_requests = 0; // a process has nobody to show them to
    return out;
}

/// As many descriptors as the system grants: every connection takes one.
void raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int serve(const command_line& command) {
    // Blocked before the server's thread starts, which inherits the mask: only sigwait() takes them.
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    raise_descriptor_limit();

    modelmesh::testing::simulator simulator(command.simulator);
    if (!command.ca_out.empty()) write_file(command.ca_out, simulator.ca_pem());
    std::printf("listening on %s\n", simulator.base_url().c_str());
    std::fflush(stdout);
    if (!command.ready_file.empty()) write_file(command.ready_file, simulator.base_url() + "\n");

    int received = 0;
    sigwait(&signals, &received);
    simulator.stop();
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    try {
        const command_line command = parse({argv + 1, argv + argc});
        if (command.help) {
            std::fwrite(usage.data(), 1, usage.size(), stdout);
            return 0;
        }
        if (command.version) {
            std::puts("modelmesh-simulator " MODELMESH_VERSION);
            return 0;
        }
        return serve(command);
    } catch (const std::exception& failure) {
        std::fprintf(stderr, "modelmesh-simulator: %s\n", failure.what());
        return 2;
    }
}
