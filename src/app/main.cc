#include <string>
#include <vector>

#include "app/commands.h"

int main(int argc, char** argv) {
  return banyan::RunBanyan(std::vector<std::string>(argv + 1, argv + argc));
}
