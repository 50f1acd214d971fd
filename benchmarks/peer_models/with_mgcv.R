# mgcv on one data set, in a process of its own: Rscript with_mgcv.R CELLS.csv OUT DRAWS SEED
#
# A Poisson GAM of the counts of the searched boxes, log link, offset log(detection), one Gaussian-process smooth of x and y
# (Matern 5/2, stationary, without a trend), smoothness by REML, its range the best of five by REML too. A thin-plate smooth
# was tried first: its trend and its wide null space gave totals of 10^12 items where nothing was found. Draws come from the
# Gaussian approximation of the coefficients' posterior with the covariance that counts the smoothness as estimated
# (vcov(unconditional = TRUE)), as ?predict.gam and Wood (2017, section 7.2) show.
suppressPackageStartupMessages(library(mgcv))
given <- commandArgs(trailingOnly = TRUE)
cells <- read.csv(given[1])
draws <- as.integer(given[3])
set.seed(as.integer(given[4]))
seen <- cells[cells$searched == 1, ]
used <- function() { t <- proc.time(); c(t[["elapsed"]], sum(t[c(1, 2, 4, 5)], na.rm = TRUE)) }  # children too
begun <- used()
basis <- min(200, floor(nrow(seen) / 2))
fitted_with <- function(range) {
  gam(count ~ s(x, y, bs = "gp", k = basis, m = c(-4, range)) + offset(log(detection)), family = poisson(), data = seen,
      method = "REML")
}
ranges <- c(0.04, 0.07, 0.12, 0.2, 0.35)  # km; a length scale of 0.17 km is a range of 0.17 / sqrt(5) here
models <- lapply(ranges, fitted_with)
best <- which.min(sapply(models, function(m) m$gcv.ubre))
model <- models[[best]]
cells$detection <- 1
beta <- rmvn(draws, coef(model), vcov(model, unconditional = TRUE))
lambda <- exp(predict(model, cells, type = "lpmatrix") %*% t(beta))  # cells × draws
done <- used()
writeBin(as.numeric(lambda), given[2])
cat(sprintf(paste0('{"compile_s": 0, "fit_s": %f, "fit_cpu_s": %f, "threads": 1, "r_hat": null, "ess_total": null, "divergent": null, "converged": %s, ',
                   '"version": "mgcv %s", "notes": "k = %d, edf %.1f, range %g km"}'),
            done[1] - begun[1], done[2] - begun[2], tolower(isTRUE(model$converged)), packageVersion("mgcv"), basis,
            sum(model$edf), ranges[best]),
    file = paste0(given[2], ".json"))
