//! What changes from step to step by plan: the learning rate, and how fast the averaged parameters forget.

/// Steps over which the learning rate rises.
const WARM_UP: f32 = 100.0;

/// The plan of a run: a short linear warm-up of the learning rate, then half a cosine down to 0 at the last step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// Highest learning rate.
    pub peak: f32,
    /// Steps of all epochs.
    pub steps: usize,
    /// Weight of the past in the averaged parameters, once there is a past.
    pub ema_decay: f32,
}

impl Schedule {
    /// The learning rate of a step, counted from 0.
    pub fn learning_rate(&self, step: usize) -> f32 {
        let (step, steps) = (step as f32, self.steps as f32);
        let warm_up = ((step + 1.0) / WARM_UP.min(steps / 4.0).max(1.0)).min(1.0);
        let progress = (step / steps).min(1.0);
        self.peak * warm_up * 0.5 * (1.0 + (std::f32::consts::PI * progress).cos())
    }

    /// The averaged parameters forget the start quickly: the decay is at most `(1 + t) / (10 + t)`.
    pub fn ema_rate(&self, step: usize) -> f32 {
        let t = step as f32;
        1.0 - self.ema_decay.min((1.0 + t) / (10.0 + t))
    }
}

#[cfg(test)]
mod tests {
    use super::Schedule;

    #[test]
    fn the_rate_rises_falls_and_ends_at_nothing() {
        let schedule = Schedule { peak: 2e-3, steps: 1000, ema_decay: 0.995 };
        let rates: Vec<f32> = (0..=1000).map(|step| schedule.learning_rate(step)).collect();
        assert!(rates[0] < 3e-5 && rates[99] > 1.9e-3 && rates[1000] < 1e-9);
        assert!(rates.windows(2).take(50).all(|w| w[0] < w[1]) && rates.windows(2).skip(100).all(|w| w[0] > w[1]));
        assert!(schedule.ema_rate(0) > 0.89 && (schedule.ema_rate(100_000) - 0.005).abs() < 1e-6);
    }
}
