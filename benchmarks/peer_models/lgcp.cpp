// Log-Gaussian Cox process on a lattice for TMB: a Matern field (nu = 1) as a Gaussian Markov random field, the stochastic
// partial differential equation of Lindgren, Rue and Lindstrom (2011) on square cells; Laplace approximation over the field.
#include <TMB.hpp>
template <class Type>
Type objective_function<Type>::operator()() {
  DATA_VECTOR(count);        // finds of the searched boxes
  DATA_IVECTOR(at);          // their nodes
  DATA_SCALAR(detection);
  DATA_SPARSE_MATRIX(eye);
  DATA_SPARSE_MATRIX(g1);    // graph Laplacian / cell side squared
  DATA_SPARSE_MATRIX(g2);    // its square
  DATA_SCALAR(cell);         // side, km
  DATA_SCALAR(middle);
  PARAMETER(mean);
  PARAMETER(log_length);     // km; range = length * sqrt(8) / 2.2 or so, prior as for the other peers
  PARAMETER(log_sd);
  PARAMETER_VECTOR(field);   // of standard deviation sd: its draws are nearer to Gaussian than a standardised field's
  Type kappa2 = Type(2.0) / exp(Type(2.0) * log_length);  // sqrt(2 nu) / length
  Type scale = cell * cell / (Type(4.0) * Type(M_PI) * kappa2);  // gives variance 1
  Eigen::SparseMatrix<Type> q = (kappa2 * kappa2 * eye + Type(2.0) * kappa2 * g1 + g2) * scale;
  Type sd = exp(log_sd);
  Type nll = density::SCALE(density::GMRF(q), sd)(field);
  for (int i = 0; i < count.size(); i++)
    nll -= dpois(count(i), detection * exp(mean + field(at(i))), true);
  nll -= dnorm(mean, middle, Type(3.0), true);
  nll -= dnorm(log_length, log(Type(0.17)), Type(0.35), true);
  nll -= dnorm(sd, Type(0.0), Type(3.0), true) + log_sd;  // half-normal on sd
  return nll;
}
