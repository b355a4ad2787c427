// An answer word by word, and the whole of it afterwards.
//   stream ["question"]      with OPENAI_API_KEY, OPENAI_BASE_URL, OLLAMA_HOST or VLLM_HOST set
#include <modelmesh/modelmesh.hpp>

#include <iostream>

modelmesh::task<> ask(std::string question) {
    modelmesh::client client = modelmesh::create("chat-completion");
    modelmesh::chat::request request;
    request.model = "chat-completion";
    request.messages = {modelmesh::chat::user(question)};
    modelmesh::chat::stream stream = co_await client.chat.completions.stream(request);
    modelmesh::chat::accumulator whole; // for who needs more than the text
    while (const auto chunk = co_await stream.next()) {
        std::cout << chunk->text() << std::flush;
        whole.add(chunk->value());
    }
    std::cout << "\n(" << whole.so_far().text().size() << " characters)\n";
}

int main(int argc, char** argv) {
    try {
        modelmesh::run(ask(argc > 1 ? argv[1] : "What is a coroutine?"));
        return 0;
    } catch (const modelmesh::error& failure) {
        std::cerr << "error: " << failure.what() << "\n";
        return 1;
    }
}
