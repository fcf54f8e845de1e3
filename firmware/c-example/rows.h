/* Stands for the drivers of sensors: readings that the example looks at, the third of them odd. */
#define ROWS_COLUMNS 4

static const float rows[][ROWS_COLUMNS] = {
    {1.25f, 3.0f, 17.0f, -30.0f},
    {1.0f, 3.0f, 16.0f, -29.5f},
    {90.0f, 3.0f, 17.0f, -30.0f},
    {1.5f, 3.0f, 18.0f, -31.0f},
};
