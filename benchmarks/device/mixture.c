// emlearn's Gaussian mixture, 8 columns, full covariances: the log-density of one row.
#include <stdbool.h>
#include <stddef.h>

#include "board.h"
#include "eml_mixture.h"

enum { FEATURES = 8, COMPONENTS = 16 };
static float means[COMPONENTS * FEATURES], precisions[COMPONENTS * FEATURES * FEATURES], log_dets[COMPONENTS];
static float log_weights[COMPONENTS], row[FEATURES], by_component[COMPONENTS], score;

static void measure(const char *name, int components) {
    EmlMixtureModel model = {components, FEATURES, EmlCovarianceFull, means, precisions, log_dets, log_weights};
    MEASURE(name, eml_mixture_score(&model, row, FEATURES, by_component, &score));
}

int main(void) {
    for (int i = 0; i < COMPONENTS * FEATURES; i++) means[i] = (float)(i % 13 - 6) * 0.3f;
    for (int i = 0; i < COMPONENTS * FEATURES * FEATURES; i++) precisions[i] = (float)(i % 7) * 0.1f;
    for (int i = 0; i < COMPONENTS; i++) log_dets[i] = 1.0f + (float)i * 0.1f, log_weights[i] = -2.7f;
    for (int i = 0; i < FEATURES; i++) row[i] = (float)i * 0.3f - 1.0f;
    MEASURE("empty", );
    measure("emlearn_mixture_4", 4);
    measure("emlearn_mixture_16", COMPONENTS);
}
