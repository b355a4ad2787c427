// A program of somebody else: its own event loop, its own Asio code, and the library in the same loop.
#include <modelmesh/modelmesh.hpp>
#include <modelmesh/testing/simulator.hpp>

#include <boost/asio.hpp>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

asio::awaitable<void> echo_once(tcp::acceptor& acceptor) {
    tcp::socket peer = co_await acceptor.async_accept(asio::use_awaitable);
    char data[64];
    const std::size_t size = co_await peer.async_read_some(asio::buffer(data), asio::use_awaitable);
    co_await asio::async_write(peer, asio::buffer(data, size), asio::use_awaitable);
}

asio::awaitable<std::string> ask_echo(tcp::endpoint server) {
    tcp::socket socket(co_await asio::this_coro::executor);
    co_await socket.async_connect(server, asio::use_awaitable);
    const std::string question = "ping";
    co_await asio::async_write(socket, asio::buffer(question), asio::use_awaitable);
    std::string answer(question.size(), '\0');
    co_await asio::async_read(socket, asio::buffer(answer), asio::use_awaitable);
    co_return answer;
}

asio::awaitable<void> work(tcp::endpoint server, std::string base_url, bool* done) {
    asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::milliseconds(1));
    co_await timer.async_wait(asio::use_awaitable);
    const std::string echoed = co_await ask_echo(server);

    setenv("VLLM_HOST", base_url.c_str(), 1);
    modelmesh::client client = modelmesh::create("chat-completion");
    modelmesh::chat::request request;
    request.model = "chat-completion";
    request.messages.push_back(modelmesh::chat::user("hello"));
    const modelmesh::chat::reply reply = co_await client.chat.completions.create(request);
    *done = echoed == "ping" && !reply.choices.empty();
}

/// True when create() without any provider in the environment says what to set.
bool refuses_without_provider() {
    for (const char* name :
         {"OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "OLLAMA_HOST", "VLLM_HOST"})
        unsetenv(name);
    try {
        const modelmesh::client client = modelmesh::create("chat-completion");
    } catch (const modelmesh::error& failure) {
        const std::string_view text = failure.what();
        return failure.code() == modelmesh::errc::config &&
               text.find("no provider configured") != text.npos && text.find("OPENAI_API_KEY") != text.npos;
    }
    return false;
}

} // namespace

int main() {
    try {
        if (!refuses_without_provider()) {
            std::puts("consumer: create() without a provider did not give its clear error");
            return 1;
        }
        const modelmesh::testing::simulator provider;
        asio::io_context io{1};
        tcp::acceptor acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
        bool done = false;
        asio::co_spawn(io, echo_once(acceptor), asio::detached);
        asio::co_spawn(io, work(acceptor.local_endpoint(), provider.base_url(), &done),
                       [](std::exception_ptr failure) {
                           if (failure) std::rethrow_exception(failure);
                       });
        io.run();
        std::puts(done ? "consumer: ok" : "consumer: no answer");
        return done ? 0 : 1;
    } catch (const std::exception& failure) {
        std::printf("consumer: %s\n", failure.what());
        return 1;
    }
}
