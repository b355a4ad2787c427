// How near two texts are, by their embeddings.
//   embeddings ["one" "other"]      with OPENAI_API_KEY or OPENAI_BASE_URL set
#include <modelmesh/modelmesh.hpp>

#include <modelmesh/api/embeddings.hpp>

#include <cmath>
#include <iostream>
#include <numeric>

double cosine(const std::vector<float>& a, const std::vector<float>& b) {
    const auto product = [](const std::vector<float>& x, const std::vector<float>& y) {
        return std::inner_product(x.begin(), x.end(), y.begin(), 0.0);
    };
    return product(a, b) / std::sqrt(product(a, a) * product(b, b));
}

modelmesh::task<> compare(std::string one, std::string other) {
    modelmesh::client client = modelmesh::create("text-embeddings");
    modelmesh::embeddings::request request;
    request.model = "text-embeddings";
    request.input = std::vector<std::string>{one, other};
    const modelmesh::embeddings::reply reply = co_await client.embeddings.create(request);
    std::cout << "similarity "
              << cosine(modelmesh::embeddings::numbers_of(reply.data.at(0).embedding).value(),
                        modelmesh::embeddings::numbers_of(reply.data.at(1).embedding).value())
              << " (" << reply.x_modelmesh->model << ")\n";
}

int main(int argc, char** argv) {
    try {
        modelmesh::run(compare(argc > 2 ? argv[1] : "a cat", argc > 2 ? argv[2] : "a kitten"));
        return 0;
    } catch (const modelmesh::error& failure) {
        std::cerr << "error: " << failure.what() << "\n";
        return 1;
    }
}
