// What a program may put around its calls: a layer of its own, a cache, and an id for every call.
//   middleware ["question"]      with OPENAI_API_KEY, OPENAI_BASE_URL, OLLAMA_HOST or VLLM_HOST set
#include <modelmesh/middleware.hpp>
#include <modelmesh/middleware/correlation.hpp>
#include <modelmesh/middleware/response_cache.hpp>
#include <modelmesh/modelmesh.hpp>

#include <iostream>

/// Counts the calls, and gives an answer of its own when no model has one.
class counting final : public modelmesh::middleware {
public:
    std::string_view name() const noexcept override { return "counting"; }
    modelmesh::result<void> on_request(modelmesh::request_context& c) override {
        std::cout << "(call " << ++calls_ << " for " << c.requested_name() << ")\n";
        return {};
    }
    std::optional<modelmesh::whole_reply> on_error(modelmesh::request_context&,
                                                   const modelmesh::fault&) override {
        return modelmesh::whole_reply(
            R"({"choices":[{"index":0,"message":{"role":"assistant","content":"Nobody is there."}}]})");
    }

private:
    int calls_ = 0; // one thread calls here; with several it would be an atomic
};

modelmesh::task<> ask(std::string question) {
    const auto cache = modelmesh::response_cache::make();
    modelmesh::client_options options;
    options.middlewares = {std::make_shared<counting>(), modelmesh::make_correlation(), cache};
    modelmesh::client client = modelmesh::create(modelmesh::detect("chat-completion"), options);

    modelmesh::chat::request request;
    request.model = "chat-completion";
    request.messages = {modelmesh::chat::user(question)};
    request.temperature = 0; // an answer that may be given again
    for (int i = 0; i < 2; ++i) {
        const modelmesh::chat::reply reply = co_await client.chat.completions.create(request);
        std::cout << reply.text() << "\n";
    }
    std::cout << "(" << cache->stats().hits << " from the cache)\n";
}

int main(int argc, char** argv) {
    try {
        modelmesh::run(ask(argc > 1 ? argv[1] : "What is an onion?"));
    } catch (const std::exception& e) {
        std::cerr << e.what() << "\n";
        return 1;
    }
}
